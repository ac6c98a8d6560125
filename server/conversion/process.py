"""The server's end of RVC's worker process: started when first needed, started again when it died."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

from server.conversion.rvc.model import Converted, Window
from server.conversion.rvc.settings import ConversionSettings
from server.conversion.worker import converted_from_wire, window_to_wire
from server.engines.protocol import error_from_wire, read_message, write_message
from server.errors import SynthesisFailed

_ROOT = Path(__file__).resolve().parents[2]


class RvcProcess:
    """Blocking; callers on several threads take turns."""

    def __init__(self, device: str, models: Path, voices: Path, *, timeout: float = 120.0) -> None:
        self._command = [
            sys.executable, "-u", "-m", "server.conversion.worker", device, str(models), str(voices)
        ]  # fmt: skip
        self._timeout = timeout
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

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
            if received is None:
                self._end()
                raise SynthesisFailed(
                    "The voice conversion ended unexpectedly and will be started again.", code="worker_died"
                )
        head, body = received
        if head["type"] == "error":
            raise error_from_wire(head["error"])
        return converted_from_wire(head, body)

    def close(self) -> None:
        """End the process, also in mid-window; the next window starts another."""
        process = self._process
        if process is not None:
            process.kill()
        with self._lock:
            self._end()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = subprocess.Popen(
                self._command,
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
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
