"""One text that is spoken for one browser: a reply, a greeting, or a message somebody asked to hear."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any, Literal

from .narrator import Narrator

Kind = Literal["reply", "greeting", "message", "text", "preview"]
State = Literal["waiting", "speaking", "done", "cancelled", "failed"]

Clip = dict[str, Any]
"""``narration``, ``index``, ``duration``, ``source`` (the text it speaks) and, without our route, ``file``."""


class Turn:
    """Its clips so far and how it stands; ``changed`` is called from any thread when there is news."""

    def __init__(self, kind: Kind, *, index: int | None = None) -> None:
        self.id = secrets.token_hex(6)
        self.kind = kind
        self.index = index
        """The message in the chat; None is the last one."""
        self.taken = False
        """A browser listens to it."""
        self.narrator: Narrator | None = None
        self.text = ""
        """The whole message as the host keeps it, once it is complete."""
        self.speaker = ""
        """Who says it, as the page shows it; empty in instruct mode."""
        self.first = 0
        """The first clip to be played; those before it belong to what Continue goes on from."""
        self.changed: Callable[[], None] = lambda: None
        self.when_done: Callable[[Turn], None] = lambda turn: None
        self.on_clip: Callable[[Clip], None] = lambda clip: None
        self.on_trouble: Callable[[str], dict[str, object] | None] = lambda message: None
        self._lock = threading.Lock()
        self._clips: list[Clip] = []
        self._state: State = "waiting"
        self._notices: list[dict[str, object]] = []

    @property
    def state(self) -> State:
        return self._state

    @property
    def over(self) -> bool:
        return self._state in ("done", "cancelled", "failed")

    @property
    def clips(self) -> list[Clip]:
        with self._lock:
            return list(self._clips)

    def go_on_from(self, clips: list[Clip]) -> None:
        """Continue: the message keeps what it had."""
        self._clips = list(clips)
        self.first = len(clips)

    def start(self) -> None:
        if self.narrator is not None:
            self.narrator.start()

    def cancel(self) -> None:
        with self._lock:
            if self.over:
                return
            self._state = "cancelled"
        if self.narrator is not None:
            self.narrator.cancel()
        self.changed()

    # The narrator's listener.

    def clip(self, narration: str, clip: Mapping[str, Any], source: str) -> None:
        kept: Clip = {
            "narration": narration,
            "index": int(clip.get("index", 0)),
            "duration": float(clip.get("duration") or 0),
            "role": str(clip.get("role") or ""),
            "source": source,
        }
        self.on_clip(kept)
        with self._lock:
            if self.over:
                return
            self._clips.append(kept)
            self._state = "speaking"
        self.changed()

    def trouble(self, message: str) -> None:
        self.tell(self.on_trouble(message))

    def tell(self, notice: dict[str, object] | None) -> None:
        if notice is not None:
            with self._lock:
                self._notices.append(notice)
            self.changed()

    def ended(self, *, failed: bool) -> None:
        if not (failed or self.over):
            self.when_done(self)
        with self._lock:
            if self.over:
                return
            self._state = "failed" if failed else "done"
        self.changed()

    def message(self, address: Callable[[Clip], str]) -> dict[str, Any]:
        """All that the page has to know; cumulative, because updates on the way may be merged."""
        with self._lock:
            return {
                "turn": self.id,
                "kind": self.kind,
                "index": self.index,
                "state": self._state,
                "first": self.first,
                "clips": [page_clip(clip, address) for clip in self._clips],
                "notices": list(self._notices),
            }


def page_clip(clip: Clip, address: Callable[[Clip], str]) -> dict[str, Any]:
    """A clip as the page knows it."""
    return {"url": address(clip), "duration": clip.get("duration", 0), "source": clip.get("source", "")}
