"""Who speaks next: a bounded queue for each engine, so that one that is slow or loading holds up nobody else.

An engine is handed as many pieces as it batches and no more, so that the order is decided here at the last
moment. A piece whose worker died before it made a sound is tried once more, unseen by anybody.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import aclosing

from server.audio.chunk import AudioChunk
from server.engines.base import SynthesisOptions
from server.engines.client import WorkerDied
from server.engines.registry import EngineRegistry
from server.errors import Overloaded
from server.speech.lane import Lane, Turn
from server.text.piece import Piece
from server.voices.voice import Voice

_WITH_RESTING = 4
"""Times the limit, those included that nobody listens to: each of them keeps some ten seconds of sound in memory."""


class Scheduler:
    """Hands pieces to the engines of their voices."""

    def __init__(self, registry: EngineRegistry, limit: Callable[[], int], load_timeout: float = 600.0) -> None:
        self.registry = registry
        self.limit = limit
        """Asked each time: requests that may want one engine at once, the one that is speaking included."""
        self._turns: set[Turn] = set()
        self._load_timeout = load_timeout
        self._lanes: dict[str, Lane] = {}

    @property
    def waiting(self) -> int:
        """Pieces that wait for an engine."""
        return sum(lane.waiting for lane in self._lanes.values())

    @property
    def open(self) -> int:
        """Requests that are open."""
        return len(self._turns)

    def open_besides(self, owner: str) -> int:
        """Those that are not the owner's."""
        return sum(turn.owner != owner for turn in self._turns)

    def admit(self, engines: Collection[str] = (), *, owner: str = "") -> Turn:
        """A place in the queues of ``engines`` (none: the current one's), until it is left; Overloaded without one.

        Whose listener does not take what was made (a player that is paused) keeps nobody else out, up to a bound.
        """
        engines, limit = engines or (self.registry.current,), self.limit()
        for engine in engines:
            here = [turn for turn in self._turns if engine in turn.engines]
            busy = sum(not turn.resting for turn in here)
            if busy >= limit or len(here) >= limit * _WITH_RESTING:
                raise Overloaded(
                    f"The server is busy: {len(here)} requests are open. Try again shortly.",
                    retry_after=max(1, math.ceil(self._lane(engine).backlog_seconds())),
                )
        turn = Turn(engines, self._turns.discard, owner=owner)
        self._turns.add(turn)
        return turn

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
        lane = self._lane(voice.engine)
        await lane.enter(turn, len(piece.text))
        started = asyncio.get_running_loop().time()
        try:
            await self.registry.ready(self._load_timeout, voice.engine)
            async with aclosing(self.registry.speak(piece, voice, options)) as chunks:
                async for chunk in chunks:
                    yield chunk
            took = asyncio.get_running_loop().time() - started
            turn.work += took
            lane.measured(took, len(piece.text))
        finally:
            lane.leave(turn, len(piece.text))

    def _lane(self, engine: str) -> Lane:
        if engine not in self._lanes:
            self._lanes[engine] = Lane(engine, lambda: self.registry.at_once(engine))
        return self._lanes[engine]
