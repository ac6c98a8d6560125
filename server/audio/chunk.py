"""Sound as it travels from an engine to an encoder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]
"""Mono samples in [-1, 1], shape (n,)."""


@dataclass(frozen=True, slots=True)
class WordTime:
    """When one word is heard."""

    start: float
    """Seconds from the beginning of the sound it is reported with."""
    end: float
    text_start: int
    """First character of the word in the text spoken."""
    text_end: int


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A stretch of mono sound."""

    samples: Samples
    rate: int
    """Samples per second (Hz)."""
    words: tuple[WordTime, ...] = ()
    """Times from the beginning of this chunk, where the engine knows them."""

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate

    def with_samples(self, samples: Samples) -> AudioChunk:
        """The same chunk with other samples at the same rate."""
        return replace(self, samples=samples)

    def parts(self, seconds: float) -> Iterator[AudioChunk]:
        """The same sound in parts of at most ``seconds``, each with the words that begin in it."""
        size = max(1, int(seconds * self.rate))
        words = list(self.words)
        for at in range(0, len(self.samples), size):
            begin, end = at / self.rate, (at + size) / self.rate
            is_last = at + size >= len(self.samples)
            said = [word for word in words if is_last or word.start < end]
            words = words[len(said) :]
            moved = tuple(WordTime(w.start - begin, w.end - begin, w.text_start, w.text_end) for w in said)
            yield AudioChunk(self.samples[at : at + size], self.rate, moved)
