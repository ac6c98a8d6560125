"""Small timekeeping for sessions: a bell that wakes everybody who waits, and a limit on how often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from server.errors import Overloaded
from server.patience import within


class Signal:
    """Wakes all who wait. Look, then wait without awaiting anything between: nothing is missed."""

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def fire(self) -> None:
        """Wake everybody who waits now."""
        waiters, self._waiters = self._waiters, set()
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self, timeout: float | None = None) -> bool:
        """Sleep until the next ``fire``; False when ``timeout`` seconds passed first."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await within(timeout, waiter)
        except asyncio.TimeoutError:
            return False
        finally:
            self._waiters.discard(waiter)
        return True


class RateLimit:
    """A token bucket."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    def take(self) -> None:
        """Use one; Overloaded says when the next is there."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now
        if self._tokens < 1:
            raise Overloaded(
                f"Too many pushes; {self._per_second:g} a second are accepted.", code="too_fast", retry_after=1
            )
        self._tokens -= 1
