"""Makes progress and readable reasons out of pip's words; a changed word costs a detail, no more."""

from __future__ import annotations

import re
from pathlib import Path

_SIZED = re.compile(r"(?:Downloading|Using cached) (\S+?)(?:-\S*)? \(([\d.]+) (B|bytes|kB|MB|GB)\)")
_LOCAL = re.compile(r"Processing (/.+\.(?:whl|gz|zip)|[A-Za-z]:\\.+\.(?:whl|gz|zip))")
RAW = re.compile(r"Progress (\d+) of (\d+)")
_MEGABYTES = {"B": 1e-6, "bytes": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}
_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|Connection refused|Connection aborted"
    r"|Connection reset|Connection broken|Temporary failure in name resolution|getaddrinfo failed"
    r"|Max retries exceeded|ProxyError|Tunnel connection failed|SSLError|CERTIFICATE_VERIFY"
    r"|Network is unreachable|IncompleteRead"
)
_DISK = re.compile(r"No space left on device|WinError 112|Errno 28")
_MISSING = re.compile(r"No matching distribution found for (\S+)")
_DOWNLOADS = 0.7
"""Share of the whole that downloading takes on an ordinary line; unpacking is the rest."""


class PipOutput:
    """What one run of pip has said so far."""

    def __init__(self, megabytes: float, packages: Path) -> None:
        self._expected = max(megabytes, 1.0)
        self._packages = packages
        self._done = 0.0
        self._current = 0.0
        self._share = 0.0
        self._detail = "Looking up what is needed"
        self._unpacking = 0
        self._before = 0
        self._network = self._disk = False
        self._missing = ""
        self._last = ""

    def read(self, line: str | None) -> None:
        """Take in one line; None when nothing was said for a moment."""
        if line is None:
            return
        self._network = self._network or bool(_NETWORK.search(line))
        self._disk = self._disk or bool(_DISK.search(line))
        if found := _MISSING.search(line):
            self._missing = found[1]
        if line.startswith("ERROR:"):
            self._last = line.removeprefix("ERROR:").strip()
        if found := _SIZED.search(line):
            self._start(found[1], float(found[2]) * _MEGABYTES[found[3]])
        elif found := _LOCAL.search(line):
            path = Path(found[1])
            self._start(path.name.split("-")[0], path.stat().st_size * 1e-6 if path.is_file() else 0.0)
        elif found := RAW.search(line):
            self._share = int(found[1]) / max(int(found[2]), 1)
        elif line.startswith("Installing collected packages:"):
            self._done += self._current
            self._unpacking = line.count(",") + 1
            self._before = self._count()
        elif "Retrying" in line and self._network:
            self._detail = "The package index does not answer; trying again"

    def where(self) -> tuple[str, float]:
        """What is being done, and how much is done."""
        if self._unpacking:
            done = min((self._count() - self._before) / self._unpacking, 1.0)
            return f"Unpacking {self._unpacking} packages", _DOWNLOADS + (1 - _DOWNLOADS) * max(done, 0.0)
        done = self._done + self._current * self._share
        return self._detail, _DOWNLOADS * min(done / self._expected, 1.0)

    def reason(self) -> str:
        """Why it failed, for a person."""
        if self._disk:
            return "The disk is full."
        if self._network:
            return (
                "The packages could not be downloaded: the package index does not answer. "
                "Check the network or proxy and run the same command again; it goes on where it stopped."
            )
        if self._missing:
            return f"There is no ready-made file of {self._missing} for this Python and system."
        return f"The installation failed: {self._last or 'pip gave no reason'}."

    def _start(self, name: str, megabytes: float) -> None:
        self._done += self._current
        self._current, self._share = megabytes, 0.0
        size = f", {megabytes:.0f} MB" if megabytes >= 1 else ""
        self._detail = f"Downloading {name.rsplit('/', 1)[-1]}{size}"

    def _count(self) -> int:
        return sum(1 for _ in self._packages.glob("*.dist-info/RECORD"))
