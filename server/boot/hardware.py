"""A graphics card, seen without any library."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def nvidia_cards() -> list[str]:
    """Name and memory of each NVIDIA card whose driver answers; empty where there is none."""
    return _ask("name,memory.total")


def nvidia_driver() -> int | None:
    """The leading number of the NVIDIA driver's version, None where no card answers."""
    versions = _ask("driver_version")
    leading = versions[0].partition(".")[0] if versions else ""
    return int(leading) if leading.isdigit() else None


def nvidia_capability() -> float | None:
    """Compute capability of the oldest card (8.6); None where no card or an old driver answers."""
    found = [line for line in _ask("compute_cap") if line.replace(".", "", 1).isdigit()]
    return min(map(float, found), default=None)


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
