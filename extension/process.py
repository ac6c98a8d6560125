"""Starting the bundled server as a process of its own, with nothing of the host's Python in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

OLDEST, NEWEST = (3, 10), (3, 13)
PYTHONS = {
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
}
BEGINNINGS = ("CONDA", "_CONDA", "_CE_", "MAMBA", "GRADIO_")
"""What a host's Python and its Gradio set for themselves; in the server's they break imports or move files.

The server's launcher knows those of Python by heart too; a test keeps the two equal."""


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables without those of the host's Python."""
    return {
        name: value
        for name, value in environ.items()
        if name.upper() not in PYTHONS and not name.upper().startswith(BEGINNINGS)
    }


def suitable_python() -> str | None:
    """A Python that can run the server: the host's own where it is one of 3.10 to 3.13, else one on the path."""
    if OLDEST <= sys.version_info[:2] <= NEWEST and sys.executable and Path(sys.executable).exists():
        return sys.executable
    versions = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    return next((found for name in versions if (found := shutil.which(name))), None)


class ServerProcess:
    """The server that we started; it ends when its pipe is closed and nobody else holds a lease."""

    def __init__(self, repository: Path, log: Path, *, python: str, arguments: Sequence[str] = ()) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as output:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(
                [python, "-m", "server", "--host-owned", *arguments],
                cwd=repository,
                env=clean_environment(os.environ),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                **_apart(),
            )
        self._log = log

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> bool:
        return self._process.poll() is not None

    def last_words(self) -> str:
        """The end of what it printed, for the person who has to mend it."""
        try:
            lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-4:])

    def release(self) -> None:
        """Let go of the pipe: the server ends by itself, unless another host still needs it."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        # Nobody asks for its status any more; unasked, it would stay in the process table as a zombie.
        threading.Thread(target=self._process.wait, name="troupe-reaper", daemon=True).start()


def _apart() -> dict[str, Any]:
    # In a group of its own: Ctrl+C in the host's terminal must not kill a server that another host uses.
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}
