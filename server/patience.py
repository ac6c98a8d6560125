"""Waiting with a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(seconds: float | None, work: Awaitable[T]) -> T:
    """The result of ``work``; asyncio.TimeoutError when it takes longer, and then it is cancelled.

    ``asyncio.wait_for`` does not do before Python 3.12: a cancellation that comes together with the result is
    forgotten there, and what was to end goes on.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            raise asyncio.TimeoutError
        return task.result()
    finally:
        task.cancel()
