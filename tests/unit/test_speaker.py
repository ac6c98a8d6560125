"""From an engine's chunks to those of a response."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import numpy as np
import pytest

from server.audio.chunk import AudioChunk
from server.engines.base import Capabilities, SynthesisOptions
from server.errors import SynthesisFailed
from server.speech.lane import Turn
from server.speech.rendition import Line, Rendition, RvcChoice
from server.speech.speaker import Conversion, Speaker
from server.text.piece import Piece
from server.voices.voice import Voice

pytestmark = pytest.mark.unit

LINE = Line(Piece("Hi.", 0, 3), Rendition(Voice("v", "fake", "V"), "en"))


class FakeScheduler:
    """An engine that promises 24,000 Hz."""

    def __init__(self, rate: int) -> None:
        self.registry = self
        self._rate = rate

    def capabilities(self, name: str) -> Capabilities:
        return Capabilities(name, "Fake", "", ("en",), 24_000, "", "")

    async def speak(
        self, turn: Turn, piece: Piece, voice: Voice, options: SynthesisOptions
    ) -> AsyncGenerator[AudioChunk, None]:
        yield AudioChunk(np.zeros(self._rate, np.float32), self._rate)


def spoken(rate: int) -> float:
    def no_conversion(choice: RvcChoice, rate: int, turn: Turn) -> Conversion:
        raise AssertionError("nobody asked for one")

    async def run() -> float:
        speaker = Speaker(FakeScheduler(rate), no_conversion)  # type: ignore[arg-type]
        return sum([chunk.seconds async for chunk in speaker.speak(Turn(), LINE, 48_000)])

    return asyncio.run(run())


def test_a_second_is_a_second() -> None:
    assert spoken(24_000) == pytest.approx(1.0)


def test_another_rate_than_promised_is_an_error_and_not_another_pitch() -> None:
    with pytest.raises(SynthesisFailed, match="16000 Hz and promised 24000 Hz"):
        spoken(16_000)
