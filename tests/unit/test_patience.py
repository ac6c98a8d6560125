"""Waiting with a limit, and being cancelled at the very moment the result comes."""

from __future__ import annotations

import asyncio

import pytest

from server.patience import within

pytestmark = pytest.mark.unit


def test_a_result_a_failure_and_a_limit():
    async def waiting() -> None:
        assert await within(5, asyncio.sleep(0, "result")) == "result"
        assert await within(None, asyncio.sleep(0, "result")) == "result"
        never = asyncio.get_running_loop().create_future()
        with pytest.raises(asyncio.TimeoutError):
            await within(0.01, never)
        assert never.cancelled()

        async def failing() -> None:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await within(5, failing())

    asyncio.run(waiting())


def test_a_cancellation_is_not_lost_beside_a_result():
    async def waiting() -> None:
        result = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(within(5, result))
        await asyncio.sleep(0)
        result.set_result("too late")
        await asyncio.sleep(0)  # the result is there, the one who waits has not been woken yet
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(waiting())
