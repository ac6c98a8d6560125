"""A graphics card, seen without any library."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path


def nvidia_cards() -> list[str]:
    """Name and memory of each NVIDIA card whose driver answers; empty where there is none."""
    tool = shutil.which("nvidia-smi")
    windows = Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "nvidia-smi.exe"
    if tool is None and windows.is_file():
        tool = str(windows)
    if tool is None:
        return []
    try:
        answer = subprocess.run(
            [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in answer.stdout.splitlines() if line.strip()]
