"""Sound as it travels from an engine to an encoder."""

from __future__ import annotations

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
