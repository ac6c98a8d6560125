"""Sound taken from an engine as soon as it is made, so that nobody waits for the engine while it waits for us."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from server.audio.chunk import AudioChunk


async def read_ahead(chunks: AsyncGenerator[AudioChunk, None]) -> AsyncGenerator[AudioChunk, None]:
    """The same chunks, held in memory until they are wanted: those of one piece at most."""
    inbox: asyncio.Queue[AudioChunk | None] = asyncio.Queue()

    async def take() -> None:
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    inbox.put_nowait(chunk)
        finally:
            inbox.put_nowait(None)

    taking = asyncio.create_task(take())
    try:
        while (chunk := await inbox.get()) is not None:
            yield chunk
        await taking  # raises what ended it
    finally:
        taking.cancel()
        await asyncio.gather(taking, return_exceptions=True)
