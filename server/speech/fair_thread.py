"""One thread for work that has to be done one after the other, and a fair queue before it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from server.speech.lane import Lane, Turn

T = TypeVar("T")


class FairThread:
    """Who waits here holds no thread, so that work of other kinds finds one; listeners are served in turn."""

    def __init__(self, name: str) -> None:
        self._lane = Lane(name, lambda: 1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def run(self, turn: Turn, work: Callable[[], T]) -> T:
        """``work()``, once it is its turn: cancelled before, it is never begun; begun, it is done to its end."""
        await self._lane.enter(turn, 1)
        working = asyncio.ensure_future(self._work(turn, work))
        working.add_done_callback(_seen)
        return await asyncio.shield(working)

    async def _work(self, turn: Turn, work: Callable[[], T]) -> T:
        """Not cancelled with who asked: the thread is only free when the work is done."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            return await loop.run_in_executor(self._thread, work)
        finally:
            turn.work += loop.time() - started
            self._lane.leave(turn, 1)


def _seen(done: asyncio.Future[T]) -> None:
    """Who asked may have gone: then nobody else looks at what went wrong."""
    if not done.cancelled():
        done.exception()
