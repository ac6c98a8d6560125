"""The server's end of RVC's worker process: started when first needed, started again when it died.

The worker keeps nothing between two windows but its models, so it can be ended and replaced at any time.
"""

from __future__ import annotations

import logging
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
from server.conversion.rvc.turn import SECONDS as TURN_SECONDS
from server.conversion.worker import converted_from_wire, window_to_wire
from server.engines.process import process_memory
from server.engines.protocol import error_from_wire, read_message, write_message
from server.errors import RESTART, SpeechError, SynthesisFailed

log = logging.getLogger("troupe.rvc")

_ROOT = Path(__file__).resolve().parents[2]

PATIENCE = TURN_SECONDS + 60.0
"""Seconds that the worker may be silent: longer than a file may take, or that would be told of no file."""


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
        timeout: float = PATIENCE,
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
        process = self._process  # another thread may end it between two looks
        return process.pid if process and process.poll() is None else None

    @property
    def device(self) -> str:
        """Where it computes; empty while it does not run."""
        launched = self._launched
        return launched.device if launched and self.pid is not None else ""

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
            silence = _Silence(self._timeout, process.kill)
            try:
                write_message(cast(BinaryIO, process.stdin), *window_to_wire(window, settings))
                answer = _answer(cast(BinaryIO, process.stdout), silence)
            except (OSError, EOFError) as error:
                self._end()
                raise _died("ended unexpectedly") from error
            except Exception as error:  # whatever reading rubbish raises: what else it says would belong to nothing
                log.exception("the voice conversion's answer cannot be read")
                self._end()
                raise _died("sent an answer that cannot be read") from error
            finally:
                silence.end()
                self._last_use = self._clock()
            result, self._device_memory = answer
            if isinstance(result, SpeechError):
                if result.code == RESTART:
                    self._end()
                raise result
        return result

    def close(self) -> None:
        """End the process, also in mid-window; the next window starts another."""
        while True:
            process = self._process
            if process is not None:
                process.kill()
            # Not for as long as it takes: whoever holds the lock may be starting a process just now.
            if self._lock.acquire(timeout=0.1):
                break
        try:
            self._end()
        finally:
            self._lock.release()

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


class _Silence:
    """Calls ``late`` after so many seconds without a word."""

    def __init__(self, seconds: float, late: Callable[[], None]) -> None:
        self._seconds = seconds
        self._late = late
        self._begin()

    def broken(self) -> None:
        """There was a word: it begins anew."""
        self.end()
        self._begin()

    def end(self) -> None:
        """Nothing is waited for any more."""
        self._timer.cancel()

    def _begin(self) -> None:
        self._timer = threading.Timer(self._seconds, self._late)
        self._timer.daemon = True
        self._timer.start()


def _answer(stream: BinaryIO, silence: _Silence) -> tuple[Converted | SpeechError, Mapping[str, int]]:
    """What became of the window, and the memory in use; EOFError when the process has ended.

    Before the first window models may have to be fetched, which takes as long as it takes while it gets on.
    """
    while True:
        received = read_message(stream)
        if received is None:
            raise EOFError
        head, body = received
        if head["type"] != "progress":
            break
        silence.broken()
    result = error_from_wire(head["error"]) if head["type"] == "error" else converted_from_wire(head, body)
    return result, head["memory"]


def _died(how: str) -> SynthesisFailed:
    return SynthesisFailed(f"The voice conversion {how} and will be started again.", code="worker_died")
