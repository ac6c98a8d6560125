"""The server's end of RVC's worker process: started when first needed, started again when it died.

The worker keeps nothing between two windows but its models, so it can be ended and replaced at any time.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from server.conversion.rvc.model import Converted, Window
from server.conversion.rvc.settings import ConversionSettings
from server.conversion.worker import converted_from_wire, window_to_wire
from server.engines.client import process_memory
from server.engines.protocol import error_from_wire, read_message, write_message
from server.errors import RESTART, SynthesisFailed

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Launch:
    """How the worker is started."""

    device: str
    memory_gb: float = 0.0
    """Most of a card's memory that it may take; 0 is no limit."""


class RvcProcess:
    """Blocking; callers on several threads take turns.

    ``launch`` is asked before each window: a changed answer replaces the process. ``worker`` is the module it runs.
    """

    def __init__(
        self,
        launch: Callable[[], Launch],
        models: Path,
        voices: Path,
        *,
        timeout: float = 120.0,
        worker: str = "server.conversion.worker",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._launch = launch
        self._folders = [str(models), str(voices)]
        self._timeout = timeout
        self._worker = worker
        self._clock = clock
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._launched: Launch | None = None
        self._device_memory: Mapping[str, int] = {}
        self._last_use = clock()

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def device(self) -> str:
        """Where it computes; empty while it does not run."""
        return self._launched.device if self._launched and self.pid is not None else ""

    def memory(self) -> dict[str, int]:
        """Bytes it uses: ``process``, and by kind of device as of the last window."""
        pid = self.pid
        resident = process_memory(pid) if pid is not None else None
        return {"process": resident, **self._device_memory} if resident else {}

    def end_when_idle(self, seconds: float) -> bool:
        """Give back its memory if it has not been used for so long; tells whether it was ended."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            idle = self.pid is not None and self._clock() - self._last_use >= seconds
            if idle:
                self._end()
            return idle
        finally:
            self._lock.release()

    def convert_window(self, window: Window, settings: ConversionSettings) -> Converted:
        """``RvcModel.convert_window`` in the other process; raises what it raised."""
        with self._lock:
            process = self._running()
            late = threading.Timer(self._timeout, process.kill)
            late.start()
            try:
                write_message(cast(BinaryIO, process.stdin), *window_to_wire(window, settings))
                received = read_message(cast(BinaryIO, process.stdout))
            except OSError:
                received = None
            finally:
                late.cancel()
                self._last_use = self._clock()
            if received is None:
                self._end()
                raise SynthesisFailed(
                    "The voice conversion ended unexpectedly and will be started again.", code="worker_died"
                )
            head, body = received
            self._device_memory = head["memory"]
            if head["type"] == "error":
                error = error_from_wire(head["error"])
                if error.code == RESTART:
                    self._end()
                raise error
        return converted_from_wire(head, body)

    def close(self) -> None:
        """End the process, also in mid-window; the next window starts another."""
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        launch = self._launch()
        if self._process is None or self._process.poll() is not None or launch != self._launched:
            self._end()
            command = [sys.executable, "-u", "-m", self._worker, launch.device, *self._folders]
            self._launched, self._device_memory = launch, {}
            self._process = subprocess.Popen(
                [*command, f"{launch.memory_gb:g}"],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # a terminal's Ctrl+C is for the server alone
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                if stream:
                    stream.close()
