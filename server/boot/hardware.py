"""A graphics card, seen without any library."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple


def nvidia_cards() -> list[str]:
    """Name and memory of each NVIDIA card whose driver answers; empty where there is none."""
    return _ask("name,memory.total")


class NvidiaSupport(NamedTuple):
    """What decides on the CUDA that runs here; None of both where no card answers."""

    driver: int | None
    """The leading number of the driver's version."""
    capability: float | None
    """Compute capability of the oldest card (8.6); None where an old driver answers."""


def nvidia_support() -> NvidiaSupport:
    """Of this machine: the tool takes a second where it has to wake a card, so it is asked once."""
    # A driver that does not know a field refuses the whole question; those know no capability.
    answers = _ask("driver_version,compute_cap") or _ask("driver_version")
    rows = [[field.strip() for field in line.split(",")] for line in answers]
    leading = rows[0][0].partition(".")[0] if rows else ""
    found = [field for _, *fields in rows for field in fields if field.replace(".", "", 1).isdigit()]
    return NvidiaSupport(int(leading) if leading.isdigit() else None, min(map(float, found), default=None))


def _ask(fields: str) -> list[str]:
    tool = shutil.which("nvidia-smi")
    windows = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvidia-smi.exe"
    if tool is None and windows.is_file():
        tool = str(windows)
    if tool is None:
        return []
    try:
        answer = subprocess.run(
            [tool, f"--query-gpu={fields}", "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]
