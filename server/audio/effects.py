"""What is done to sound between an engine and an encoder: speed, pitch, volume, sample rate."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from server.audio.chunk import AudioChunk, Samples
from server.audio.filters import SILENT
from server.audio.resample import Resampler
from server.audio.stretch import Stretcher
from server.audio.words import WordQueue

SPEEDS = (0.25, 4.0)
SEMITONES = (-12.0, 12.0)
VOLUMES = (0.0, 2.0)
_KNEE = 0.8
"""Where limiting begins; below it ``gain`` is a plain factor."""


class Effect(Protocol):
    """Push object for one stream. Words come with the chunk in which they begin."""

    def push(self, chunk: AudioChunk) -> AudioChunk:
        """What is ready after ``chunk``; may be empty."""

    def flush(self) -> AudioChunk:
        """The rest."""


class _Shifted:
    """What both effects on time share: sound and words come out later, and perhaps faster."""

    def __init__(self, rate: int, speed: float) -> None:
        self._rate = rate
        self._speed = speed
        self._words = WordQueue()
        self._taken = self._given = 0

    def _carry(self, chunk: AudioChunk, samples: Samples, last: bool = False) -> AudioChunk:
        self._words.add(chunk.words, self._taken / self._rate, self._speed)
        start = self._given / self._rate
        self._taken += len(chunk.samples)
        self._given += len(samples)
        return AudioChunk(samples, self._rate, self._words.take(start, self._given / self._rate, last))

    def _end(self, samples: Samples) -> AudioChunk:
        return self._carry(AudioChunk(SILENT, self._rate), samples, last=True)


class TimeStretch(_Shifted):
    """Speech at ``speed`` (0.25 to 4) with its pitch unchanged."""

    def __init__(self, rate: int, speed: float) -> None:
        _check("speed", speed, SPEEDS)
        super().__init__(rate, speed)
        self._stretcher = Stretcher(rate, speed)

    def push(self, chunk: AudioChunk) -> AudioChunk:
        """See ``Effect``."""
        return self._carry(chunk, self._stretcher.push(chunk.samples))

    def flush(self) -> AudioChunk:
        """See ``Effect``."""
        return self._end(self._stretcher.flush())


class PitchShift(_Shifted):
    """Speech ``semitones`` (-12 to 12) higher, as long as before: stretched, then played faster."""

    def __init__(self, rate: int, semitones: float) -> None:
        _check("semitones", semitones, SEMITONES)
        super().__init__(rate, 1.0)
        # In steps of 25 Hz (a hundredth of a semitone): resampling is exact only between rates with a common
        # factor. The stretch follows the rounding, so the length stays what it was.
        played = round(rate * 2 ** (semitones / 12) / 25) * 25 if semitones else rate
        self._stretcher = Stretcher(rate, rate / played)
        self._resampler = Resampler(played, rate)

    def push(self, chunk: AudioChunk) -> AudioChunk:
        """See ``Effect``."""
        return self._carry(chunk, self._resampler.push(self._stretcher.push(chunk.samples)))

    def flush(self) -> AudioChunk:
        """See ``Effect``."""
        last = self._resampler.push(self._stretcher.flush())
        return self._end(np.concatenate([last, self._resampler.flush()]))


class RateChange:
    """The same sound at another sample rate."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._rate_in, self._rate_out = rate_in, rate_out
        self._resampler = Resampler(rate_in, rate_out)
        self._words = WordQueue()
        self._taken = self._given = 0

    def push(self, chunk: AudioChunk) -> AudioChunk:
        """See ``Effect``."""
        self._words.add(chunk.words, self._taken / self._rate_in)
        self._taken += len(chunk.samples)
        return self._give(self._resampler.push(chunk.samples))

    def flush(self) -> AudioChunk:
        """See ``Effect``."""
        return self._give(self._resampler.flush(), last=True)

    def _give(self, samples: Samples, last: bool = False) -> AudioChunk:
        start = self._given / self._rate_out
        self._given += len(samples)
        return AudioChunk(samples, self._rate_out, self._words.take(start, self._given / self._rate_out, last))


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
