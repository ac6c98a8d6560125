"""A worker's process and its pipes: to read and write them blocks, so threads do it for the event loop."""

from __future__ import annotations

import asyncio
import logging
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from server.engines.protocol import Message, read_message, write_message
from server.errors import SpeechError

log = logging.getLogger("troupe.engines")

_ROOT = Path(__file__).resolve().parents[2]


class WorkerProcess:
    """One process, started when this is made; OSError where it cannot be.

    ``on_message`` and ``on_end`` are called on the event loop, the latter once, with the exit status and what it did.
    """

    def __init__(
        self,
        name: str,
        class_path: str,
        on_message: Callable[[Message, bytes], None],
        on_end: Callable[[int, str], None],
    ) -> None:
        self._name = name
        self._on_message = on_message
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._outbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-m", "server.engines.worker", class_path],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl+C is for the server, which lets this one speak to the end
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        for target in (self._read_messages, self._write_messages, self._read_log):
            threading.Thread(target=target, name=f"{name}-{target.__name__}", daemon=True).start()

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process.poll() is None else None

    def post(self, message: Message) -> None:
        """Send it behind what was posted before."""
        self._outbox.put(message)

    def close(self) -> None:
        """Nothing more is sent: a worker ends with its input."""
        self._outbox.put(None)

    def kill(self) -> None:
        """End it now."""
        if self._process.poll() is None:
            self._process.kill()

    def _write_messages(self) -> None:
        pipe = cast(BinaryIO, self._process.stdin)
        try:
            while (message := self._outbox.get()) is not None:
                write_message(pipe, message)
        except OSError:
            pass  # the worker is gone: the reading thread tells
        except Exception:  # a message that cannot be written would leave its job, and all behind it, waiting for ever
            log.exception("a message for the %s worker cannot be written", self._name)
            self._process.kill()
        with suppress(OSError):
            pipe.close()

    def _read_messages(self) -> None:
        pipe = cast(BinaryIO, self._process.stdout)
        reason = "ended"
        try:
            while (received := read_message(pipe)) is not None:
                self._loop.call_soon_threadsafe(self._on_message, *received)
        except (SpeechError, ValueError) as error:
            reason = f"sent a message that cannot be read ({error})"
            self._process.kill()
        pipe.close()
        status = self._process.wait()
        with suppress(RuntimeError):  # the loop may be closed when the server ends
            self._loop.call_soon_threadsafe(self._ended, status, reason)

    def _ended(self, status: int, reason: str) -> None:
        self.close()
        self._on_end(status, reason)

    def _read_log(self) -> None:
        worker_log = logging.getLogger(f"troupe.worker.{self._name}")
        with cast(BinaryIO, self._process.stderr) as lines:
            for line in lines:
                text = line.decode(errors="replace").rstrip()
                if text:
                    grave = text.startswith(("ERROR", "CRITICAL", "Traceback"))
                    worker_log.log(logging.ERROR if grave else logging.INFO, "%s", text)


def process_memory(pid: int) -> int | None:
    """Resident bytes of a process, where psutil knows; None once it is gone."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return None
