"""One call of pip inside an environment, its output turned into progress and into readable failures."""

from __future__ import annotations

import queue
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from server.boot.errors import BootError
from server.boot.lists import RequirementsList
from server.boot.pip_output import RAW, PipOutput
from server.boot.stop import StopCheck


class PipFailed(BootError):
    """pip ended with an error; the message says which in plain words."""


class PipRun:
    """Installs some lists and reports how far it is."""

    def __init__(self, python: Path, packages: Path, log: Path, environ: dict[str, str]) -> None:
        self._python = python
        self._packages = packages
        self._log = log
        self._environ = environ

    def install(
        self,
        lists: Sequence[RequirementsList],
        megabytes: float,
        report: Callable[[str, float], None],
        stop: StopCheck,
        keep: Sequence[int] = (),
    ) -> None:
        """Run pip to its end, for lists with the same options.

        ``megabytes`` are still to be fetched. ``keep`` are descriptors that pip goes on holding should
        this process be killed (the lock).
        """
        # Ready-made files only: nobody who installs Troupe is asked for a compiler.
        command = [str(self._python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
        command += ["--only-binary", ":all:", "--progress-bar", self._bar(), *lists[0].pip]
        for item in lists:
            command += ["-r", str(item.path)]
        reader = PipOutput(megabytes, self._packages)
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("a", buffering=1, encoding="utf-8") as log:
            log.write(f"\n{time.strftime('%Y-%m-%d %H:%M:%S')} {' '.join(command)}\n")
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self._environ,
                encoding="utf-8",
                errors="replace",
                pass_fds=tuple(keep),
            )
            try:
                for line in _lines(process, stop):
                    if line is not None and not RAW.search(line):
                        log.write(line)
                    reader.read(line)
                    report(*reader.where())
            except BaseException:
                _end(process)
                raise
        if process.wait() != 0:
            raise PipFailed(f"{reader.reason()} What pip said is in {self._log}.")

    def has_own_sources(self) -> bool:
        """Whether somebody has told pip where packages come from, or through which proxy."""
        command = [str(self._python), "-m", "pip", "config", "list"]
        said = subprocess.run(command, env=self._environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        return re.search(rb"\b(index-url|find-links|no-index|proxy)=", said.stdout) is not None

    def _bar(self) -> str:
        # Machine-readable progress came with pip 24.1; the pip here is the one Python brought along.
        for info in self._packages.glob("pip-*.dist-info"):
            version = re.findall(r"\d+", info.name)
            if tuple(int(part) for part in version[:2]) >= (24, 1):
                return "raw"
        return "off"


def _lines(process: subprocess.Popen[str], stop: StopCheck) -> Iterator[str | None]:
    """Its lines as they come, and None every quarter second without one; ``stop`` is asked each time."""
    lines: queue.Queue[str | None] = queue.Queue()

    def pump() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=pump, daemon=True).start()
    while True:
        stop()
        try:
            line = lines.get(timeout=0.25)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        yield line


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
