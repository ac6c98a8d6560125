"""How often something may fail before it is given up, and how long to wait in between."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Patience:
    """Counts failures; the first is forgiven at once, each further one within ``window`` waits twice as long."""

    def __init__(
        self, *, limit: int, window: float, first: float, longest: float, clock: Callable[[], float]
    ) -> None:
        self.limit = limit
        self._window = window
        self._first = first
        self._longest = longest
        self._clock = clock
        self._failures: deque[float] = deque(maxlen=limit)

    def failed(self) -> float | None:
        """Seconds to wait before the next try; None when ``limit`` failures came within ``window`` seconds."""
        now = self._clock()
        self._failures.append(now)
        recent = sum(now - failure < self._window for failure in self._failures)
        if recent >= self.limit:
            return None
        return 0.0 if recent == 1 else min(self._longest, self._first * 2.0 ** (recent - 2))

    def forget(self) -> None:
        """Begin anew, after somebody has mended it."""
        self._failures.clear()
