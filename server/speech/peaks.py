"""The outline of a sound that is still growing, for drawing."""

from __future__ import annotations

import numpy as np

from server.audio.chunk import Samples

_FIRST = 480
_MOST = 800


class Peaks:
    """The loudest sample of each stretch, 0 to 100. Stretches double when there are too many."""

    def __init__(self) -> None:
        self.values: list[int] = []
        self._stretch = _FIRST
        self._rest: Samples = np.zeros(0, np.float32)

    def add(self, samples: Samples) -> None:
        """Take in more sound."""
        held = np.abs(np.concatenate([self._rest, samples]))
        whole = len(held) - len(held) % self._stretch
        self._rest = held[whole:]
        loudest = held[:whole].reshape(-1, self._stretch).max(axis=1) if whole else held[:0]
        self.values += [min(100, round(float(value) * 100)) for value in loudest]
        while len(self.values) > _MOST:
            pairs = zip(self.values[::2], [*self.values[1::2], 0], strict=False)
            self.values = [max(pair) for pair in pairs]
            self._stretch *= 2
