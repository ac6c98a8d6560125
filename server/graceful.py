"""uvicorn's server, ending in good order: who waits is answered, who listens is heard out, for as long as is set."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

import uvicorn
from fastapi import FastAPI

from server.api.security import Cut
from server.troupe import Troupe

_SIGNALS = [signal.SIGINT, signal.SIGTERM]
if sys.platform == "win32":
    _SIGNALS.append(signal.SIGBREAK)
_LOOK = 0.2
"""Seconds between two looks at what is still being answered."""
_LEAVE_SECONDS = 1.0
"""Time an ended request has to tell its client."""


class Server(uvicorn.Server):
    """uvicorn's server; tells endless responses to end before it waits for the others, and ends with status 0.

    When the time for the others is over, it is we who end them, so that each gets an answer in words; uvicorn's own
    way is a bare 500 and a traceback.
    """

    def __init__(self, app: FastAPI, *, drain_seconds: float | None = None) -> None:
        """``drain_seconds`` stands in for those of the settings in force at the stop."""
        super().__init__(
            uvicorn.Config(app, log_config=None, access_log=False, server_header=False, ws="none")
        )
        self._troupe: Troupe = app.state.troupe
        self._drain_seconds = drain_seconds
        self._hurry = False

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but a signal is not raised again at the end: it was obeyed, and there is tidying left."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal stops, the second waits for nobody; uvicorn's own haste, which tidies nothing, is third."""
        if not self.should_exit:
            self.should_exit = True
        elif not self._hurry:
            self._hurry = True
        else:
            super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain and close."""
        seconds = self._drain_seconds
        if seconds is None:
            seconds = self._troupe.settings.now.server.drain_seconds
        self._troupe.life.stopping.set()
        # uvicorn's limit is only for what does not listen to us: a thread that hangs.
        self.config.timeout_graceful_shutdown = math.ceil(seconds + 2 * _LEAVE_SECONDS)
        await self._troupe.narrations.close()
        drain = asyncio.create_task(self._drain(seconds))
        try:
            await super().shutdown(sockets)
        finally:
            drain.cancel()

    async def _drain(self, seconds: float) -> None:
        """End the requests that are left after so long, or at the next signal."""
        requests = self._troupe.life.requests
        end = time.monotonic() + seconds
        told = False
        await asyncio.sleep(min(seconds, _LOOK))  # endless responses end by themselves
        # Connections too: what is made has still to reach a client that takes it as fast as it is heard.
        while (requests or self.server_state.connections) and time.monotonic() < end and not self._hurry:
            if requests and not told:
                told = True
                sys.stderr.write(
                    f"Stopping: waiting up to {seconds:g} s for {len(requests)} "
                    f"request{'' if len(requests) == 1 else 's'}; press Ctrl+C again to stop at once.\n"
                )
                sys.stderr.flush()
            await asyncio.sleep(_LOOK)
        requests.end()
        await asyncio.sleep(_LEAVE_SECONDS)
        for connection in list(self.server_state.connections):  # whose client does not take what it was sent
            connection.transport.abort()


def is_news(record: logging.LogRecord) -> bool:
    """False for uvicorn's own traceback of a connection that was cut, or a request that was ended, on purpose."""
    return not (record.exc_info and isinstance(record.exc_info[1], (Cut, asyncio.CancelledError)))
