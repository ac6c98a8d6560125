"""Files that survive a crash: whole or not at all, with the last good copy beside them.

Standard library only: the launcher writes with it before anything is installed.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

WINDOWS = os.name == "nt"

_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)

LEFTOVER_SECONDS = 60.0
"""A temporary file older than this has no writer any more."""

REPLACE_ATTEMPTS = 20
"""Windows refuses to replace a file while a virus scanner or a reader holds it, mostly for an instant."""


def write_atomically(
    path: Path, content: bytes | str, *, mode: int | None = None, durable: bool = True
) -> None:
    """Replace ``path`` by ``content``: every reader sees the old file or the new one, never a part.

    ``mode`` is the file's POSIX permission bits (temporary files start at 0600); None leaves the usual ones.
    ``durable`` waits for the disk, so that a power cut cannot take it back; what dies with its process needs none.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.chmod(_usual_mode(path) if mode is None else mode)
        _replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        _sync_folder(path.parent)
    _sweep(path)


def is_device_name(name: str) -> bool:
    """True for what Windows takes for a device, whatever the folder and the suffix."""
    return _DEVICE.fullmatch(name) is not None


def backup_of(path: Path) -> Path:
    """Where the last good copy of ``path`` lies."""
    return path.with_name(path.name + ".bak")


def write_with_backup(path: Path, content: bytes | str, *, mode: int | None = None) -> None:
    """As ``write_atomically``, then remember the content as the last good copy."""
    write_atomically(path, content, mode=mode)
    write_atomically(backup_of(path), content, mode=mode)


def read_with_backup(path: Path, parse: Callable[[str], T], damaged: Callable[[Exception], None]) -> T | None:
    """``parse`` of the file's text, or of its last good copy where it cannot be read; None without a file.

    ``parse`` raises ValueError for text that makes no sense. ``damaged`` is told why the copy was used.
    With no good copy the file's own error is raised.
    """
    try:
        text = path.read_text(encoding="utf-8")
        result = parse(text)
    except FileNotFoundError:
        return None
    except (ValueError, OSError) as error:
        try:
            rescued = parse(backup_of(path).read_text(encoding="utf-8"))
        except (ValueError, OSError):
            raise error from None
        damaged(error)
        return rescued
    _remember(path, text)
    return result


def stamp_of(path: Path) -> object:
    """Differs whenever somebody has replaced or changed the file; one ``stat``."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return "missing"
    return status.st_mtime_ns, status.st_size, status.st_ino


def _remember(path: Path, text: str) -> None:
    """Keep a good file that somebody edited by hand; a read-only folder is no reason to fail a read."""
    backup = backup_of(path)
    with contextlib.suppress(OSError, ValueError):
        if backup.is_file() and backup.read_text(encoding="utf-8") == text:
            return
    with contextlib.suppress(OSError):
        write_atomically(backup, text)


def _replace(temporary: Path, path: Path) -> None:
    for attempt in range(REPLACE_ATTEMPTS):
        try:
            temporary.replace(path)
            return
        except PermissionError:
            if not WINDOWS or attempt == REPLACE_ATTEMPTS - 1:
                raise
            time.sleep(0.05)


def _sweep(path: Path) -> None:
    """Remove what writers of this file left behind when they were killed."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        with contextlib.suppress(OSError):  # another thread's own sweep, or a file in use
            if time.time() - leftover.stat().st_mtime > LEFTOVER_SECONDS:
                leftover.unlink()


def _usual_mode(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o777
    except FileNotFoundError:
        # As open() mostly gives; reading the umask means setting it, which races with other threads.
        return 0o644


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where folders can be opened (not on Windows)."""
    if WINDOWS:
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
