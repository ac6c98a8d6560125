"""Goes on inside the environment, with a clean set of variables and the same standard input."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from server.boot.environment import Environment

REPOSITORY = Path(__file__).resolve().parents[2]
PYTHONS = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "PYTHONEXECUTABLE",
    "PYTHONPLATLIBDIR",
    "PYTHONSAFEPATH",
    "PYTHONUSERBASE",
    "PYTHONNOUSERSITE",
    "__PYVENV_LAUNCHER__",
    "VIRTUAL_ENV",
)
BEGINNINGS = ("CONDA", "_CONDA", "_CE_", "MAMBA")
"""A host's Python (bundled, conda, portable) sets these for itself; in another Python they break imports.

The extension knows the same by heart; a test keeps the two equal."""
_PIPS = (
    "PIP_USER",
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_NO_BINARY",
    "PIP_ONLY_BINARY",
)
"""With these pip would install elsewhere, or what has to be built first."""


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables without those that belong to another Python."""
    kept = {
        key: value
        for key, value in environ.items()
        if key.upper() not in (*PYTHONS, *_PIPS) and not key.upper().startswith(BEGINNINGS)
    }
    # One encoding for every stream and file: a Windows console's code page cannot print a voice's name.
    kept["PYTHONUTF8"] = "1"
    # A pip.conf with "user = true" would install beside the environment; pip has no other switch against it.
    kept["PIP_USER"] = "0"
    return kept


def go_on_inside(environment: Environment, argv: Sequence[str]) -> int:
    """Run ``python -m server ARGV`` there; does not return where the system can replace a program."""
    command = [str(environment.python), "-m", "server", *argv]
    environ = child_environment(os.environ)
    os.chdir(REPOSITORY)
    if sys.platform == "win32":
        return _wait_for_child(command, environ)
    _replace(command, environ)


def _replace(command: list[str], environ: dict[str, str]) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], command, environ)


def _wait_for_child(command: list[str], environ: dict[str, str]) -> int:
    # Windows' own exec gives the console back while the child still writes to it. Ctrl+C reaches both; the
    # child decides how to end, so here it is ignored.
    child = subprocess.Popen(command, env=environ)
    for name in ("SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    return child.wait()
