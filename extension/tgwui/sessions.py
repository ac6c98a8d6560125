"""Browsers: each hears its own turns and no other's."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable

from .turn import Turn

_PATIENCE = 600.0
"""Seconds that a click waits for its reply to begin; the host lets one browser generate after the other."""
_FRESH = 60.0
_SOON = 10.0
"""Seconds that a greeting waits for the click that asked for it: the host may be told of that before we are."""
_MOST = 200


class Session:
    """One browser page: the turn it hears, and the one event that relays it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn: Turn | None = None
        self._begun = 0.0
        self._offered: tuple[Turn, float] | None = None
        self._asked = -_SOON
        """When a click took the greeting that was offered: perhaps not the one that it asked for."""
        self._wakers: dict[object, Callable[[], None]] = {}
        self._relay: object | None = None
        self.clicked = ""
        """What was pressed last: send, regenerate, continue, new, say."""

    def begin(self, turn: Turn) -> None:
        """A new turn silences the one before."""
        turn.changed = self._wake
        with self._lock:
            before, self._turn, self._begun = self._turn, turn, time.monotonic()
        if before is not None:
            before.cancel()
        self._wake()

    def greet(self, turn: Turn) -> None:
        """A greeting: spoken if a new chat was asked for, or turns out to have been."""
        now = time.monotonic()
        with self._lock:
            asked = self.clicked == "new" or now - self._asked < _SOON
            if asked:
                self.clicked = "" if self.clicked == "new" else self.clicked  # once
                self._asked = -_SOON
            else:
                self._offered = (turn, now)
        if asked:
            self.begin(turn)

    def turn(self) -> Turn | None:
        return self._turn

    def hush(self) -> None:
        """Stop was pressed, or the page shows something else now."""
        turn = self._turn
        if turn is not None:
            turn.cancel()

    def forget(self) -> None:
        """Nobody will take a turn that nobody has taken."""
        turn = self._turn
        if turn is not None and not turn.taken:
            turn.cancel()

    async def follow(self, clicked: str, patience: float = _PATIENCE) -> AsyncIterator[Turn]:
        """The turn that this click brings about, again and again as it changes, until it is over.

        The newest click is the only one that is followed.
        """
        loop, news, me = asyncio.get_running_loop(), asyncio.Event(), object()
        with self._lock:
            now = time.monotonic()
            offered, self._offered = self._offered, None
            taken = clicked == "new" and offered is not None and now - offered[1] < _SOON
            self._asked = now if taken else -_SOON
        if taken and offered is not None:
            self.begin(offered[0])
        before = self._turn
        if before is not None and (before.taken or time.monotonic() - self._begun > _FRESH):
            before.cancel()
            self.clicked = clicked
        elif before is not None:
            before = None  # the reply has been quicker than this event: it is ours
        else:
            self.clicked = clicked
        self._relay = me
        self._wakers[me] = lambda: _call_soon(loop, news)
        self._wake()
        deadline = loop.time() + patience
        turn = None
        try:
            while self._relay is me:
                news.clear()
                turn = self._turn
                if turn is not None and turn is not before:
                    turn.taken = True
                    turn.start()
                    yield turn
                    if turn.over and turn is self._turn:
                        return
                    deadline = loop.time() + patience
                try:
                    await asyncio.wait_for(news.wait(), max(0.0, deadline - loop.time()))
                except asyncio.TimeoutError:
                    return
        finally:
            self._wakers.pop(me, None)
            if turn is not None and turn.taken and self._relay is me:
                turn.cancel()  # the page has gone

    def _wake(self) -> None:
        for waker in list(self._wakers.values()):
            waker()


class Sessions:
    """All browsers of this host; the oldest are forgotten."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Session] = OrderedDict()

    def of(self, name: str | None) -> Session:
        """The session's entry; nameless ones share nothing."""
        if not name:
            return Session()
        with self._lock:
            found = self._known.setdefault(name, Session())
            self._known.move_to_end(name)
            while len(self._known) > _MOST:
                _, forgotten = self._known.popitem(last=False)
                forgotten.forget()
            return found


def _call_soon(loop: asyncio.AbstractEventLoop, news: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the host is closing
        loop.call_soon_threadsafe(news.set)
