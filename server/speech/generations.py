"""Work that can be stopped by name of nobody: AllTalk's ``stop-generation`` ends all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from server.errors import Cancelled

T = TypeVar("T")


class Generations:
    """What is being spoken for clients that know no ids."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._streams: set[_Stream] = set()

    async def follow(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``; Cancelled when it was stopped."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise Cancelled("The generation was stopped.") from None
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        finally:
            self._tasks.discard(task)

    async def following(self, stream: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        """The stream; Cancelled is raised in it when it is stopped."""
        this = _Stream()
        self._streams.add(this)
        try:
            async with aclosing(stream):
                while (data := await self.follow(_next(stream))) is not None:
                    yield data
                    if this.stopped:  # while its listener had enough to listen to
                        raise Cancelled("The generation was stopped.")
        finally:
            self._streams.discard(this)

    def stop(self) -> bool:
        """End everything; tells whether there was anything."""
        running = bool(self._tasks or self._streams)
        for stream in self._streams:
            stream.stopped = True
        for task in list(self._tasks):
            task.cancel()
        return running


class _Stream:
    """A stream that is open, be it read just now or not."""

    stopped = False


async def _next(stream: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(stream, None)
