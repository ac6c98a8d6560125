"""How long the server lives: as long as somebody uses it, when a host started it; else until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

log = logging.getLogger("troupe.life")

LINGER = 2.0
"""Seconds without pipe and lease after which a host-owned server ends."""
_LOOK = 0.25
"""Seconds between two looks at the pipe."""


class Requests:
    """What is being answered, so that a stop can say how many wait, and end them."""

    def __init__(self) -> None:
        self.ended = False
        """True once all of them were told to end."""
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Count the present task as a request while the block runs."""
        task = asyncio.current_task()
        assert task is not None  # it is called in coroutines
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    def end(self) -> None:
        """Cancel all; who counts them finds ``ended`` and tells the client."""
        self.ended = True
        for task in self._tasks:
            task.cancel()


class Life:
    """Counts leases and knows when to stop."""

    def __init__(self, *, host_owned: bool, host_is_there: Callable[[], bool] = lambda: True) -> None:
        self.host_owned = host_owned
        self.since = time.time()
        """Seconds since the epoch."""
        self.leases = 0
        self.requests = Requests()
        self.stopping = asyncio.Event()
        """Set when the server begins to end: endless responses then finish."""
        self._host_is_there = host_is_there

    @contextmanager
    def lease(self) -> Iterator[None]:
        """Count as a user while the block runs."""
        self.leases += 1
        try:
            yield
        finally:
            self.leases -= 1

    async def unused(self) -> None:
        """Return when a host-owned server has had neither pipe nor lease for ``LINGER`` seconds."""
        if not self.host_owned:
            await asyncio.Event().wait()
        alone = 0.0
        host = True
        while alone < LINGER:
            await asyncio.sleep(_LOOK)
            host = host and self._host_is_there()
            alone = 0.0 if host or self.leases else alone + _LOOK
        log.info("the host has gone and nobody else uses this server")
