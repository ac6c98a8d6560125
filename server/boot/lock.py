"""A lock between processes, held through the operating system so that it ends with its holder.

A file that merely exists would have to be judged stale by pid and start time after a crash; the system's own
locks cannot be stale. The file's text only tells a waiting process whom it waits for.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

if sys.platform == "win32":
    import msvcrt

    # Windows locks bytes and forbids reading them, so the byte locked lies far behind the text.
    _FAR = 1 << 30

    def _lock(descriptor: int, shared: bool) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int, shared: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


class FileLock:
    """Held until released, or until every process that has inherited it has ended."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, *, shared: bool = False, note: str = "") -> bool:
        """Try at once; ``note`` is what ``holder`` tells others. Shared is exclusive on Windows."""
        self.release()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _lock(descriptor, shared)
        except OSError:
            os.close(descriptor)
            return False
        if note:
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, note.encode())
        self._descriptor = descriptor
        return True

    def holder(self) -> str:
        """The note of whoever holds it, or held it last."""
        try:
            return self.path.read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def keep(self) -> int:
        """Let processes started from here, and a program that replaces this one, hold it too."""
        if self._descriptor is None:
            raise ValueError(f"{self.path} is not held")
        os.set_inheritable(self._descriptor, True)
        return self._descriptor

    def release(self) -> None:
        """Give it up; the file stays, since deleting it would race with the next one."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
