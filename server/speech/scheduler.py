"""Who speaks next: a bounded queue, fair between requests, first sentences first.

The engine is handed as many pieces as it batches and no more, so that the order is decided here at the last
moment. A piece whose worker died before it made a sound is tried once more, unseen by anybody.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from server.audio.chunk import AudioChunk
from server.engines.base import SynthesisOptions
from server.engines.client import WorkerDied
from server.engines.registry import EngineRegistry
from server.errors import Overloaded
from server.text.piece import Piece
from server.voices.voice import Voice

_SECONDS_A_CHARACTER = 0.03
"""First guess of the time a character takes to speak; measured from then on."""


class Turn:
    """One request's place among the others: how much it has been given so far."""

    def __init__(self, leave: Callable[[], None] = lambda: None) -> None:
        self.pieces = 0
        self.tag = 0.0
        self.work = 0.0
        """Seconds that the engine has worked for it."""
        self._leave = leave

    def close(self) -> None:
        """Free the place in the queue; once is enough."""
        leave, self._leave = self._leave, lambda: None
        leave()


class Scheduler:
    """Hands pieces to the current engine."""

    def __init__(self, registry: EngineRegistry, limit: int = 16, load_timeout: float = 600.0) -> None:
        self.registry = registry
        self.limit = limit
        """Requests that may be open at once, the one that is speaking included."""
        self.open = 0
        self._load_timeout = load_timeout
        self._waiting: list[tuple[bool, float, int, asyncio.Future[None], int]] = []
        self._numbers = itertools.count()
        self._running = 0
        self._virtual_time = 0.0
        self._pace = _SECONDS_A_CHARACTER

    @property
    def waiting(self) -> int:
        """Pieces that wait for the engine."""
        return sum(not entry[3].done() for entry in self._waiting)

    def admit(self) -> Turn:
        """A place in the queue, until it is left; Overloaded when there is none."""
        if self.open >= self.limit:
            raise Overloaded(
                f"The server is busy: {self.open} requests are waiting. Try again shortly.",
                retry_after=max(1, math.ceil(self.backlog_seconds())),
            )
        self.open += 1
        return Turn(self._left)

    def _left(self) -> None:
        self.open -= 1

    def backlog_seconds(self) -> float:
        """How long what waits will probably take."""
        return self._pace * sum(size for *_, future, size in self._waiting if not future.done())

    async def speak(
        self, turn: Turn, piece: Piece, voice: Voice, options: SynthesisOptions
    ) -> AsyncGenerator[AudioChunk, None]:
        """Chunks of one piece, when its turn has come; leaving the generator cancels inside the sentence."""
        for attempt in (1, 2):
            silent = True
            try:
                async with aclosing(self._once(turn, piece, voice, options)) as chunks:
                    async for chunk in chunks:
                        silent = False
                        yield chunk
            except WorkerDied:
                if attempt == 2 or not silent:
                    raise
            else:
                return

    async def _once(
        self, turn: Turn, piece: Piece, voice: Voice, options: SynthesisOptions
    ) -> AsyncGenerator[AudioChunk, None]:
        await self._my_turn(turn, len(piece.text))
        started = asyncio.get_running_loop().time()
        try:
            await self.registry.ready(self._load_timeout)
            async with aclosing(self.registry.speak(piece, voice, options)) as chunks:
                async for chunk in chunks:
                    yield chunk
            took = asyncio.get_running_loop().time() - started
            turn.work += took
            self._pace = 0.8 * self._pace + 0.2 * took / max(1, len(piece.text))
        finally:
            self._running -= 1
            self._wake()

    async def _my_turn(self, turn: Turn, size: int) -> None:
        """Wait for the engine. Start-time fair queueing by characters; a request's first piece goes ahead."""
        tag = max(self._virtual_time, turn.tag)
        turn.tag = tag + size
        first = turn.pieces == 0
        turn.pieces += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (not first, tag, next(self._numbers), future, size))
        self._wake()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._running -= 1
                self._wake()
            raise

    def _wake(self) -> None:
        width = self.registry.capabilities().batch_size if self.registry.current else 1
        while self._waiting and self._running < width:
            _, tag, _, future, _ = heapq.heappop(self._waiting)
            if future.done():
                continue
            self._virtual_time = max(self._virtual_time, tag)
            self._running += 1
            future.set_result(None)
