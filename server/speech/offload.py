"""Work on sound beside the event loop, where it would hold it up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from server.audio.chunk import AudioChunk

T = TypeVar("T")

SHORT = 0.25
"""Seconds of sound that joining, stretching and encoding are done with in a millisecond or two; a thread costs more."""


async def worked_on(chunk: AudioChunk, work: Callable[[AudioChunk], T]) -> T:
    """``work(chunk)``: at once where the chunk is short, else in a thread."""
    if chunk.seconds < SHORT:
        return work(chunk)
    return await asyncio.to_thread(work, chunk)
