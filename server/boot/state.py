"""``state.json``: what launcher and server are doing; a host reads it while nothing listens yet."""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import Any, Literal

from server.boot.lock import FileLock
from server.files import write_atomically

Phase = Literal["installing", "starting", "loading", "ready", "failed"]


class StateFile:
    """Written by one process at a time: the first that claimed it and is still alive, through all its stages.

    A second server under the same home (another port) must not overwrite it: its ``update`` does nothing.
    """

    def __init__(self, path: Path, *, version: str, instance: str) -> None:
        self.path = path
        self.version = version
        self.instance = instance
        """Random name of this start; ``GET /health`` shows the same."""
        self._lock = FileLock(path.with_name("state.lock"))
        before = read_state(path)
        self.owned = before.get("instance") == instance
        self._started = float(before.get("started", time.time())) if self.owned else time.time()
        self._url: str | None = None

    def claim(self) -> bool:
        """Become the writer unless another process that still lives is; once claimed it goes with an exec."""
        if not self.owned and self._lock.acquire(note=str(os.getpid())):
            self._lock.keep()
            self.owned = True
        return self.owned

    def update(
        self, phase: Phase, detail: str = "", fraction: float | None = None, url: str | None = None
    ) -> None:
        """Replace the file atomically; ``fraction`` is from 0 to 1, ``url`` is remembered once given."""
        self._url = url or self._url
        if not self.owned:
            return
        write_atomically(
            self.path,
            json.dumps(
                {
                    "phase": phase,
                    "detail": detail,
                    "fraction": None if fraction is None else round(fraction, 4),
                    "pid": os.getpid(),
                    "started": self._started,
                    "instance": self.instance,
                    "url": self._url,
                    "version": self.version,
                }
            ),
            durable=False,  # it is written many times a second, and after a power cut it tells of nobody
        )

    def remove(self) -> None:
        """At a clean end: nothing runs, so there is nothing to tell."""
        if self.owned:
            self.path.unlink(missing_ok=True)
            self._lock.release()
            self.owned = False


def new_instance() -> str:
    """A fresh random name for one start."""
    return secrets.token_hex(8)


def read_state(path: Path) -> dict[str, Any]:
    """The file's content, empty where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
