"""The queue of one engine: fair between requests, first pieces first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

_SECONDS_A_CHARACTER = 0.03
"""First guess of the time a character takes to speak; measured from then on."""


class Turn:
    """One request's place among the others: how much it has been given so far."""

    def __init__(self, leave: Callable[[], None] = lambda: None) -> None:
        self.pieces = 0
        self.tags: dict[str, float] = {}
        """By engine, where in its queue the next piece stands."""
        self.work = 0.0
        """Seconds that engines have worked for it."""
        self._leave = leave

    def close(self) -> None:
        """Free the place in the queue; once is enough."""
        leave, self._leave = self._leave, lambda: None
        leave()


class Lane:
    """Who waits for one engine, and how many pieces it has in hand: as many as it batches and no more."""

    def __init__(self, engine: str, width: Callable[[], int]) -> None:
        self.open = 0
        """Requests with a place here."""
        self._engine = engine
        self._width = width
        self._waiting: list[tuple[bool, float, int, asyncio.Future[None], int]] = []
        self._numbers = itertools.count()
        self._running = 0
        self._virtual_time = 0.0
        self._pace = _SECONDS_A_CHARACTER

    @property
    def waiting(self) -> int:
        """Pieces that wait for the engine."""
        return sum(not entry[3].done() for entry in self._waiting)

    def backlog_seconds(self) -> float:
        """How long what waits will probably take."""
        return self._pace * sum(size for *_, future, size in self._waiting if not future.done())

    async def enter(self, turn: Turn, size: int) -> None:
        """Wait for the engine. Start-time fair queueing by characters; a request's first piece goes ahead."""
        tag = max(self._virtual_time, turn.tags.get(self._engine, 0.0))
        turn.tags[self._engine] = tag + size
        first = turn.pieces == 0
        turn.pieces += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (not first, tag, next(self._numbers), future, size))
        self._wake()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """The piece is done with, however it went."""
        self._running -= 1
        self._wake()

    def measured(self, seconds: float, size: int) -> None:
        """A piece of ``size`` characters took so long."""
        self._pace = 0.8 * self._pace + 0.2 * seconds / max(1, size)

    def _wake(self) -> None:
        while self._waiting and self._running < self._width():
            _, tag, _, future, _ = heapq.heappop(self._waiting)
            if future.done():
                continue
            self._virtual_time = max(self._virtual_time, tag)
            self._running += 1
            future.set_result(None)
