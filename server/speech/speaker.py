"""Speaks one line: the engine, then voice conversion, then what is done to the sound."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

from server.audio.chunk import AudioChunk
from server.conversion.base import converting
from server.conversion.rvc.stream import FIRST_BLOCK, FRAME
from server.engines.base import SynthesisOptions
from server.errors import SynthesisFailed
from server.speech.effects import Effects
from server.speech.lane import Turn
from server.speech.read_ahead import read_ahead
from server.speech.rendition import Line, RvcChoice
from server.speech.scheduler import Scheduler


class Conversion(Protocol):
    """Another voice for one line, laid over who speaks."""

    async def push(self, chunk: AudioChunk) -> list[AudioChunk]:
        """What is ready after ``chunk``."""

    async def finish(self) -> list[AudioChunk]:
        """The rest."""


OpenConversion = Callable[[RvcChoice, int, Turn], Conversion]
"""From a choice, the engine's rate in Hz and the listener; raises Unavailable where RVC cannot work."""

_PART = FIRST_BLOCK * FRAME
"""Seconds of sound that go to a conversion at once: one block is all that they can complete, so what is converted is
heard before the next block is, and who stops waits for no other."""


class Speaker:
    """Turns lines into sound, each by the engine of its voice."""

    def __init__(self, scheduler: Scheduler, open_conversion: OpenConversion) -> None:
        self._scheduler = scheduler
        self._open_conversion = open_conversion

    async def speak(self, turn: Turn, line: Line, rate: int) -> AsyncGenerator[AudioChunk, None]:
        """Chunks of one line at ``rate`` Hz as they are made; leaving the generator stops the engine inside it."""
        rendition = line.rendition
        capabilities = self._scheduler.registry.capabilities(rendition.voice.engine)
        low, high = capabilities.speed_range
        own = rendition.speed if low <= rendition.speed <= high else 1.0
        own_rate = capabilities.sample_rate
        effects = Effects(
            own_rate,
            speed=rendition.speed / own,
            pitch=rendition.pitch,
            volume=rendition.volume,
            rate_out=rate,
        )
        options = SynthesisOptions(language=rendition.language, speed=own, values=rendition.values)
        spoken = self._scheduler.speak(turn, line.piece, rendition.voice, options)
        async with aclosing(_at(own_rate, spoken)) as chunks:
            source = chunks if rendition.rvc is None else self._converted(chunks, rendition.rvc, own_rate, turn)
            async with aclosing(source):
                async for chunk in source:
                    for ready in await effects.push(chunk):
                        yield ready
        for ready in await effects.finish():
            yield ready

    async def _converted(
        self, chunks: AsyncGenerator[AudioChunk, None], choice: RvcChoice, rate: int, turn: Turn
    ) -> AsyncGenerator[AudioChunk, None]:
        with converting():
            conversion = self._open_conversion(choice, rate, turn)
        async with aclosing(read_ahead(chunks)) as made:  # whose failures are the engine's
            async for chunk in made:
                for part in chunk.parts(_PART):
                    with converting():
                        converted = await conversion.push(part)
                    for ready in converted:
                        yield ready
        with converting():
            rest = await conversion.finish()
        for ready in rest:
            yield ready


async def _at(rate: int, chunks: AsyncGenerator[AudioChunk, None]) -> AsyncGenerator[AudioChunk, None]:
    """The same chunks; SynthesisFailed for one of another rate, which would be heard too fast or too slow."""
    async with aclosing(chunks):
        async for chunk in chunks:
            if chunk.rate != rate:
                raise SynthesisFailed(f"The engine made sound at {chunk.rate} Hz and promised {rate} Hz.")
            yield chunk
