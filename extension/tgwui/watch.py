"""News from other threads, for those who wait: threads and the page's own events."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable


class Watch:
    """``changed`` wakes everybody who waits; nobody polls."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._wakers: dict[object, Callable[[], None]] = {}

    def changed(self) -> None:
        with self._condition:
            self._condition.notify_all()
            wakers = list(self._wakers.values())
        for waker in wakers:
            waker()

    def wait(self, seconds: float) -> None:
        with self._condition:
            self._condition.wait(seconds)

    async def news(self, seconds: float) -> AsyncIterator[None]:
        """Once at the beginning and then at each change, for so long."""
        loop, event, me = asyncio.get_running_loop(), asyncio.Event(), object()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the host is closing
                loop.call_soon_threadsafe(event.set)

        with self._condition:
            self._wakers[me] = wake
        deadline = loop.time() + seconds
        try:
            while True:
                event.clear()
                yield
                await asyncio.wait_for(event.wait(), max(0.0, deadline - loop.time()))
        except asyncio.TimeoutError:
            return
        finally:
            with self._condition:
                self._wakers.pop(me, None)
