"""Hears what the model writes, while the host shows it; nothing here may hold up or change a reply."""

from __future__ import annotations

import html
import threading
from collections.abc import Iterator
from typing import Any

from . import host
from .reply import Reply
from .runtime import Runtime, name_shown, who_speaks
from .segment import Segment
from .turn import Turn

MARK = "troupe_turn"
"""Key in the host's state: this generation belongs to that turn."""
_SEARCH = "short web search query"


class Tee:
    """The turns that are being written, by their mark."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._turns: dict[str, tuple[Turn, Segment]] = {}
        self._lock = threading.Lock()

    def mark(self, state: dict[str, Any]) -> None:
        """A chat turn begins (or goes on after a tool): note who asked and whose voice it is."""
        session = host.session()
        if session is None or "character_menu" not in state or "unique_id" not in state:
            return  # an API client
        general = self._runtime.choices.general()
        if not general.on:
            state.pop(MARK, None)
            return
        known = self._turns.get(state.get(MARK, ""))
        after_tool = known is not None and bool(state.get("_tool_turn"))
        turn = known[0] if known is not None and after_tool else self._runtime.turn("reply", who_speaks(state))
        assert turn.narrator is not None
        segment = Segment(turn.narrator.wake, Reply(), live=general.live)
        self._remember(turn, segment)
        turn.speaker = name_shown(state)
        turn.narrator.tools = bool(state.get("tools"))
        turn.narrator.add(segment)
        state[MARK] = turn.id
        if not after_tool:
            # Last: from here on a browser may take the turn, and its narrator ends when there is nothing to say.
            self._runtime.sessions.of(session).begin(turn)

    def segment(self, question: Any, state: dict[str, Any]) -> Segment | None:
        """The listener for one generation; None where it is not a reply to be spoken."""
        known = self._turns.get(state.get(MARK, ""))
        if known is None or _SEARCH in str(question)[-400:]:
            return None
        turn, segment = known
        segment.reply = self._reply(state, str(question), turn)
        segment.teed = True
        return segment

    def complete(self, visible: str, state: dict[str, Any]) -> None:
        """The host's final text; for a greeting, the only one."""
        known = self._turns.get(state.get(MARK, ""))
        if known is None:
            self._greet(visible, state)
            return
        turn, segment = known
        if host.stopped():
            turn.cancel()
            return
        if not segment.teed:
            # Another extension's generator came first, so this is all we see.
            session = self._runtime.sessions.of(host.session())
            going_on = session.clicked == "continue"
            segment.reply = self._reply(state, "", turn, going_on=going_on)
        turn.text = html.unescape(visible)
        segment.complete(visible)

    def _reply(self, state: dict[str, Any], question: str, turn: Turn, going_on: bool | None = None) -> Reply:
        history = state.get("history") or {}
        rows = history.get("internal") or [["", ""]]
        last = str(rows[-1][1] or "")
        if going_on is None:
            # The prompt of Continue ends with the reply that is to be continued.
            going_on = bool(last.strip()) and question.rstrip().endswith(last.rstrip()[-80:])
        begin = str(state.get("start_with") or "")
        opening = previous = ""
        if going_on and begin and last == begin:
            opening = begin  # "Start reply with" is done as a Continue, but nobody has heard it
        elif going_on:
            previous = last
            turn.go_on_from(self._runtime.takes.find_text(last, turn.speaker))
        else:
            opening = host.thinking_started_by(question)
        skipped = self._runtime.character(who_speaks(state)).skip
        return Reply(
            user=str(state.get("name1") or ""),
            character=name_shown(state),
            opening=opening,
            previous=previous,
            reasoning="reasoning" not in skipped,
        )

    def _greet(self, visible: str, state: dict[str, Any]) -> None:
        name, general = host.session(), self._runtime.choices.general()
        if name is None or not (general.on and general.greeting and "character_menu" in state):
            return
        session = self._runtime.sessions.of(name)
        turn = self._runtime.turn("greeting", who_speaks(state))
        assert turn.narrator is not None
        segment = Segment(turn.narrator.wake, Reply(), teed=False)
        turn.text, turn.speaker = html.unescape(visible), name_shown(state)
        segment.complete(visible)
        turn.narrator.add(segment)
        session.greet(turn)

    def _remember(self, turn: Turn, segment: Segment) -> None:
        """With the lock: several browsers may ask at the same time."""
        with self._lock:
            over = [name for name, (known, _) in self._turns.items() if known.over]
            for name in over[:-20]:
                del self._turns[name]
            self._turns[turn.id] = (turn, segment)


def listened(replies: Iterator[str], segment: Segment | None) -> Iterator[str]:
    """The same replies, unchanged and undelayed; the segment gets to know each."""
    try:
        for reply in replies:
            if segment is not None:
                segment.grow(reply)
            yield reply
    finally:
        if segment is not None:
            segment.model_stopped()
