"""What is done to sound between an engine and an encoder: speed, pitch, volume."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from server.audio.chunk import AudioChunk, Samples
from server.audio.filters import SILENT
from server.audio.resample import Resampler
from server.audio.stretch import Stretcher

SPEEDS = (0.25, 4.0)
SEMITONES = (-12.0, 12.0)
VOLUMES = (0.0, 2.0)
_KNEE = 0.8
"""Where limiting begins; below it ``gain`` is a plain factor."""


class Effect(Protocol):
    """Push object for one stream. Words may come with a chunk that ends before they are heard."""

    def push(self, chunk: AudioChunk) -> AudioChunk:
        """What is ready after ``chunk``; may be empty."""

    def flush(self) -> AudioChunk:
        """The rest."""


class TimeStretch:
    """Speech at ``speed`` (0.25 to 4) with its pitch unchanged."""

    def __init__(self, rate: int, speed: float) -> None:
        _check("speed", speed, SPEEDS)
        self._rate = rate
        self._speed = speed
        self._stretcher = Stretcher(rate, speed) if speed != 1.0 else None
        self._taken = self._given = 0

    def map_time(self, seconds: float) -> float:
        """When that moment of the input is heard."""
        return seconds / self._speed

    def push(self, chunk: AudioChunk) -> AudioChunk:
        """See ``Effect``."""
        if self._stretcher is None:
            return chunk
        return self._carry(chunk, self._stretcher.push(chunk.samples))

    def flush(self) -> AudioChunk:
        """See ``Effect``."""
        rest = self._stretcher.flush() if self._stretcher else SILENT
        return self._carry(AudioChunk(SILENT, self._rate), rest)

    def _carry(self, chunk: AudioChunk, samples: Samples) -> AudioChunk:
        came, goes = self._taken / self._rate, self._given / self._rate
        self._taken += len(chunk.samples)
        self._given += len(samples)
        words = tuple(
            replace(
                word,
                start=max(0.0, self.map_time(came + word.start) - goes),
                end=max(0.0, self.map_time(came + word.end) - goes),
            )
            for word in chunk.words
        )
        return AudioChunk(samples, self._rate, words)


class PitchShift:
    """Speech ``semitones`` (-12 to 12) higher, as long as before: stretched, then played faster."""

    def __init__(self, rate: int, semitones: float) -> None:
        _check("semitones", semitones, SEMITONES)
        self._rate = rate
        # A rate in whole Hz is off by less than a thousandth of a semitone; the stretch follows it exactly.
        played = round(rate * 2 ** (semitones / 12))
        self._stretcher = Stretcher(rate, rate / played) if played != rate else None
        self._resampler = Resampler(played, rate)
        self._taken = self._given = 0

    def push(self, chunk: AudioChunk) -> AudioChunk:
        """See ``Effect``."""
        if self._stretcher is None:
            return chunk
        samples = self._resampler.push(self._stretcher.push(chunk.samples))
        late = (self._taken - self._given) / self._rate
        self._taken += len(chunk.samples)
        self._given += len(samples)
        words = tuple(replace(word, start=word.start + late, end=word.end + late) for word in chunk.words)
        return AudioChunk(samples, self._rate, words)

    def flush(self) -> AudioChunk:
        """See ``Effect``."""
        if self._stretcher is None:
            return AudioChunk(SILENT, self._rate)
        last = self._resampler.push(self._stretcher.flush())
        return AudioChunk(np.concatenate([last, self._resampler.flush()]), self._rate)


def gain(samples: Samples, volume: float) -> Samples:
    """Louder or softer, 0 to 2; what would be louder than full scale is bent, not cut."""
    _check("volume", volume, VOLUMES)
    louder: Samples = samples * np.float32(volume)
    size = np.abs(louder)
    over = size > _KNEE
    if volume <= 1.0 or not over.any():
        return louder
    room = 1.0 - _KNEE
    bent = np.where(over, _KNEE + room * np.tanh((size - _KNEE) / room), size)
    limited: Samples = (np.sign(louder) * bent).astype(np.float32)
    return limited


def _check(name: str, value: float, allowed: tuple[float, float]) -> None:
    """A wrong value here is a mistake in Troupe: what users ask for is checked where it comes in."""
    low, high = allowed
    if not low <= value <= high:
        raise ValueError(f"{name} must be between {low:g} and {high:g}, not {value:g}")
