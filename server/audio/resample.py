"""Change the sample rate of a stream."""

from __future__ import annotations

import numpy as np

from server.audio.chunk import Samples
from server.audio.filters import SILENT, FilterChain

_TAPS = 64


class Resampler:
    """Push object from ``rate_in`` to ``rate_out`` Hz; however the input is cut, the result is the same."""

    def __init__(self, rate_in: int, rate_out: int) -> None:
        self._rate_in, self._rate_out = rate_in, rate_out
        self._taken = self._given = 0
        self._chain = (
            FilterChain(rate_in, [("aresample", f"{rate_out}:filter_size={_TAPS}")])
            if rate_in != rate_out
            else None
        )

    def push(self, samples: Samples) -> Samples:
        """What comes out after ``samples`` went in; may be nothing yet."""
        if self._chain is None:
            return samples
        self._taken += len(samples)
        out = self._chain.push(samples)
        self._given += len(out)
        return out

    def flush(self) -> Samples:
        """The rest, so that the whole has the length of the input to half a sample."""
        if self._chain is None:
            return SILENT
        out = self._chain.flush()
        # libswresample gives a sample more or less, and nothing for an input shorter than half its filter.
        missing = round(self._taken * self._rate_out / self._rate_in) - self._given - len(out)
        self._given += len(out) + missing
        return np.pad(out, (0, missing)) if missing >= 0 else out[:missing]


def resample(samples: Samples, rate_in: int, rate_out: int) -> Samples:
    """A whole sound at another rate."""
    resampler = Resampler(rate_in, rate_out)
    return np.concatenate([resampler.push(samples), resampler.flush()])
