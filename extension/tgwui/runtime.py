"""What lives as long as the host's process: one launcher, the choices, the browsers.

The host's "restart" builds its pages anew and, from one of its two places for extensions, loads script.py anew
too. A started server must survive that, so the runtime hangs in ``sys.modules``, which no restart touches.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import types
from pathlib import Path
from typing import Any

from ..client import ServerError
from ..home import find_home
from ..launcher import Launcher, Status
from . import casting
from .choices import INSTRUCT, Character, Choices
from .narrator import Narrator
from .notices import Notices
from .routes import Audio
from .sessions import Sessions
from .takes import Takes
from .turn import Kind, Turn
from .watch import Watch

_log = logging.getLogger("troupe")
REPOSITORY = Path(__file__).resolve().parents[2]
_SHELF = "_troupe_in_text_generation_webui"
_WAIT_FOR_SERVER = 90.0
"""Seconds that a reply waits for a server that is on its way; its text is kept meanwhile."""


class Runtime:
    """The parts, put together."""

    def __init__(self, repository: Path, home: Path) -> None:
        self.repository = repository
        self.choices = Choices(home / "hosts" / "tgwui.json")
        self.takes = Takes(home / "hosts" / "tgwui-takes")
        self.sessions = Sessions()
        self.notices = Notices()
        self.watch = Watch()
        self.launcher = Launcher(repository, home, tell=self._server_changed)
        self.audio = Audio(self.launcher.client)

    def begin(self) -> None:
        """Start or attach to the server, unless narration is switched off."""
        general = self.choices.general()
        if general.on:
            self.launcher.start(general.address, general.key)

    def engine(self) -> str:
        return self.launcher.status.engine

    def character(self, who: str) -> Character:
        return self.choices.character(who, self.engine())

    def turn(self, kind: Kind, who: str, *, index: int | None = None, voiced: Character | None = None) -> Turn:
        """A turn with a narrator that speaks as chosen for this character."""
        turn = Turn(kind, index=index)
        turn.on_trouble = self._trouble
        turn.on_clip = self._clip_made
        turn.when_done = self._keep

        def opening(refused: frozenset[str], unconverted: frozenset[str]) -> dict[str, Any]:
            if refused:
                missing("rvc" if all(name.endswith(".rvc") for name in refused) else "voice")
            if unconverted:
                missing("rvc on the server")
            return casting.opening(voiced or self.character(who), refused, unconverted)

        def missing(what: str) -> None:
            turn.tell(self.notices.say(self._missing(who, what), about=f"{who}:{self.engine()}:{what}"))

        turn.narrator = Narrator(self.launcher.client, opening, turn, ready=self._until_ready)
        return turn

    def _clip_made(self, clip: dict[str, Any]) -> None:
        self.notices.fine()
        self.audio.store(clip)

    def _trouble(self, message: str) -> dict[str, object] | None:
        status = self.launcher.status
        known = status.phase in ("installing", "failed")
        return self.notices.say(explain(status) if known else f"Troupe: {message}")

    def _keep(self, turn: Turn) -> None:
        if turn.text and turn.clips:
            try:
                self.takes.keep(turn.text, turn.speaker, turn.clips)
            except OSError as error:
                _log.warning("Troupe: a spoken message could not be kept: %s", error)

    def _missing(self, who: str, what: str) -> str:
        if what == "rvc":
            return f"The RVC voice chosen for {name_of(who)} is not there any more: what is set on the server counts."
        if what == "rvc on the server":
            return f"The RVC voice set on the server is not there any more: {name_of(who)} speaks without one."
        return (
            f"The voice chosen for {name_of(who)} is not there on {self.engine() or 'this engine'} any more: "
            "the default voice speaks."
        )

    def _until_ready(self) -> None:
        """On the narrator's thread: wait for a server that is coming, else say why there is none."""
        deadline = time.monotonic() + _WAIT_FOR_SERVER
        if self.launcher.status.phase == "off":
            self.begin()
        while (status := self.launcher.status).coming and time.monotonic() < deadline:
            self.watch.wait(1.0)
        if status.phase != "ready":
            raise ServerError(explain(status))

    def _server_changed(self, status: Status) -> None:
        if status.phase == "ready":
            self.notices.fine()
        self.watch.changed()


def explain(status: Status) -> str:
    """Why nothing is spoken, for a person."""
    if status.phase == "installing":
        share = f" ({status.fraction:.0%})" if status.fraction is not None else ""
        return f"The voices are still being installed{share}. Replies are spoken as soon as that is done."
    if status.phase == "failed":
        return f"Replies are not spoken: {status.detail}"
    return f"Replies are not spoken: the speech server is not ready ({status.detail or status.phase})."


def name_of(who: str) -> str:
    return "the assistant (instruct mode)" if who == INSTRUCT else who


def who_speaks(state: dict[str, Any]) -> str:
    """The name under which a chat's choices are kept."""
    return INSTRUCT if state.get("mode") == "instruct" else str(state.get("character_menu") or INSTRUCT)


def name_shown(state: dict[str, Any]) -> str:
    """The name that the host writes above this chat's replies; instruct mode has none."""
    return str(state.get("name2") or "") if state.get("mode") in ("chat", "chat-instruct") else ""


_making = threading.Lock()


def runtime() -> Runtime:
    """The one of this process; the first copy of Troupe that asks makes it."""
    with _making:
        shelf = sys.modules.get(_SHELF)
        if shelf is None:
            shelf = types.ModuleType(_SHELF)
            shelf.runtime = Runtime(REPOSITORY, find_home())  # type: ignore[attr-defined]
            sys.modules[_SHELF] = shelf
        found: Runtime = shelf.runtime
        return found


def is_first_copy() -> bool:
    """False in a second clone of Troupe in the same host: one of them is enough."""
    return runtime().repository == REPOSITORY
