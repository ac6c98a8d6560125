"""Speed, pitch, volume and sample rate of one line, off the event loop where it takes time."""

from __future__ import annotations

import asyncio

import numpy as np

from server.audio.chunk import AudioChunk
from server.audio.effects import Effect, PitchShift, RateChange, TimeStretch, gain
from server.speech.offload import worked_on


class Effects:
    """Push object for one line; passes sound through untouched where nothing is to be done."""

    def __init__(
        self, rate: int, *, speed: float = 1.0, pitch: float = 0.0, volume: float = 1.0, rate_out: int | None = None
    ) -> None:
        self._rate = rate
        self._volume = volume
        self._stages: list[Effect] = []
        if abs(speed - 1.0) > 1e-3:
            self._stages.append(TimeStretch(rate, speed))
        if abs(pitch) > 1e-3:
            self._stages.append(PitchShift(rate, pitch))
        if rate_out not in (None, rate):
            self._stages.append(RateChange(rate, rate_out or rate))

    async def push(self, chunk: AudioChunk) -> list[AudioChunk]:
        """What is ready after ``chunk``."""
        return self._loud(await worked_on(chunk, self._run) if self._stages else [chunk])

    async def finish(self) -> list[AudioChunk]:
        """The rest."""
        return self._loud(await asyncio.to_thread(self._drain)) if self._stages else []

    def _run(self, chunk: AudioChunk) -> list[AudioChunk]:
        for stage in self._stages:
            chunk = stage.push(chunk)
        return [chunk]

    def _drain(self) -> list[AudioChunk]:
        """Flush each stage through those behind it."""
        rest = [AudioChunk(np.zeros(0, np.float32), self._rate)]
        for stage in self._stages:
            rest = [*map(stage.push, rest), stage.flush()]
        return rest

    def _loud(self, chunks: list[AudioChunk]) -> list[AudioChunk]:
        chunks = [chunk for chunk in chunks if len(chunk.samples)]
        if self._volume == 1.0:
            return chunks
        return [chunk.with_samples(gain(chunk.samples, self._volume)) for chunk in chunks]
