"""The queue of one engine: fair between requests, whoever has only come before the rest."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

_SECONDS_A_CHARACTER = 0.03
"""First guess of the time a character takes to speak; measured from then on."""


class Turn:
    """One request's place among the others: how much it has been given so far."""

    def __init__(
        self, engines: Collection[str] = (), leave: Callable[[Turn], None] = lambda turn: None, *, owner: str = ""
    ) -> None:
        self.engines = frozenset(engines)
        """In whose queues it has a place."""
        self.owner = owner
        """Whose request it is, where somebody asks for that."""
        self.tags: dict[str, float] = {}
        """By engine, where in its queue the next piece stands."""
        self.work = 0.0
        """Seconds that engines and RVC have worked for it."""
        self.resting = False
        """Whether it wants nothing of its engines just now: its listener is far behind, or all of it is made."""
        self._leave = leave

    @contextmanager
    def rest(self) -> Iterator[None]:
        """Be out of the others' way meanwhile."""
        self.resting = True
        try:
            yield
        finally:
            self.resting = False

    def close(self) -> None:
        """Free the place in the queues; once is enough."""
        self._leave(self)


class Lane:
    """Who waits for one engine, and how many pieces it has in hand: as many as it batches and no more."""

    def __init__(self, engine: str, width: Callable[[], int]) -> None:
        self._engine = engine
        self._width = width
        self._waiting: list[tuple[float, bool, int, asyncio.Future[None], int]] = []
        self._numbers = itertools.count()
        self._running = 0
        self._present: Counter[Turn] = Counter()
        """Pieces that wait or are spoken, by request."""
        self._virtual_time = 0.0
        """Characters that a request would have been given by now, had it been here all the time."""
        self._pace = _SECONDS_A_CHARACTER

    @property
    def waiting(self) -> int:
        """Pieces that wait for the engine."""
        return sum(not entry[3].done() for entry in self._waiting)

    def backlog_seconds(self) -> float:
        """How long what waits will probably take."""
        return self._pace * sum(size for *_, future, size in self._waiting if not future.done())

    async def enter(self, turn: Turn, size: int) -> None:
        """Wait for the engine; then ``leave`` it.

        Start-time fair queueing by characters (Goyal, Vin and Cheng, 1996): who was given less goes first, so a
        request that has only come goes before the next piece of one that was being spoken. The virtual time goes
        on with what all were given, or an endless row of newcomers would keep everybody else waiting.
        """
        first = self._engine not in turn.tags
        tag = max(self._virtual_time, turn.tags.get(self._engine, 0.0))
        turn.tags[self._engine] = tag + size
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (tag, not first, next(self._numbers), future, size))
        self._present[turn] += 1
        self._wake()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._running -= 1
            self._gone(turn)
            self._wake()
            raise

    def leave(self, turn: Turn, size: int) -> None:
        """The piece is done with, however it went."""
        self._running -= 1
        self._virtual_time += size / len(self._present)
        self._gone(turn)
        self._wake()

    def measured(self, seconds: float, size: int) -> None:
        """A piece of ``size`` characters took so long."""
        self._pace = 0.8 * self._pace + 0.2 * seconds / max(1, size)

    def _gone(self, turn: Turn) -> None:
        self._present[turn] -= 1
        if not self._present[turn]:
            del self._present[turn]

    def _wake(self) -> None:
        while self._waiting and self._running < self._width():
            tag, _, _, future, _ = heapq.heappop(self._waiting)
            if future.done():
                continue
            self._virtual_time = max(self._virtual_time, tag)
            self._running += 1
            future.set_result(None)
