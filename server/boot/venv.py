"""Makes a bare virtual environment, or says what this Python lacks for it."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from server.boot.environment import version_of_this_python
from server.boot.errors import BootError
from server.boot.launch import child_environment
from server.boot.stop import StopCheck


def make_environment(path: Path, stop: StopCheck) -> None:
    """A virtual environment with the pip that Python brings along."""
    if lacking := [name for name in ("venv", "ensurepip") if importlib.util.find_spec(name) is None]:
        raise BootError(f"This Python ({sys.executable}) has no {' and no '.join(lacking)}. {_cure()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        command = [sys.executable, "-m", "venv", str(path)]
        environ = child_environment(os.environ)
        making = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environ)
        try:
            while making.poll() is None:
                stop()
                try:
                    making.wait(0.25)
                except subprocess.TimeoutExpired:
                    continue
        except BaseException:
            making.kill()
            making.wait()
            raise
        said.seek(0)
        lines = said.read().strip().splitlines() or ["no reason given"]
    if making.returncode:
        raise BootError(f"Python could not make an environment in {path}: {lines[-1]}")


def _cure() -> str:
    if Path("/etc/debian_version").exists():
        return f"Install it: sudo apt install python{version_of_this_python()}-venv"
    return "Install the full Python from https://www.python.org/downloads/"
