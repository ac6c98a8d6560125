"""Clips on disk: in ``TROUPE_HOME/audio``, pruned by age and size, most under names nobody can guess."""

from __future__ import annotations

import logging
import secrets
import shutil
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.errors import Unavailable
from server.files import write_atomically

log = logging.getLogger("troupe.audio")


def secret_name(stem: str = "") -> str:
    """A file's name that nobody can guess, so that it is the permission to fetch what it names."""
    token = secrets.token_urlsafe(16)
    return f"{stem}{token[:10]}-{token[10:21]}"


def is_secret(name: str) -> bool:
    """False for a name that a client chose: those have no hyphen, and ours have one always."""
    return "-" in name


@dataclass(frozen=True, slots=True)
class Keep:
    """How much is kept."""

    hours: float
    megabytes: int


class AudioStore:
    """Files and folders of sound; an entry is pruned whole."""

    def __init__(self, folder: Path, keep: Callable[[], Keep]) -> None:
        self.folder = folder
        self._keep = keep

    def save(self, name: str, data: bytes) -> Path:
        """Write ``name`` (relative, made or checked by the server) whole or not at all."""
        path = self.folder / name
        try:
            write_atomically(path, data)
        except OSError as error:
            raise Unavailable(
                f"The sound could not be saved in {self.folder}: {error.strerror or error}.", code="disk_full"
            ) from error
        return path

    def find(self, name: str) -> Path | None:
        """The file of that name; None where there is none. The name is looked up, never joined to a path."""
        folder, _, leaf = name.rpartition("/")
        with suppress(OSError):
            if folder and folder not in {entry.name for entry in self.folder.iterdir() if entry.is_dir()}:
                return None
            for entry in (self.folder / folder if folder else self.folder).iterdir():
                if entry.name == leaf and entry.is_file():
                    return entry
        return None

    def prune(self, in_use: Collection[str] = (), now: Callable[[], float] = time.time) -> int:
        """Delete what is too old, then the oldest beyond the size; returns how many entries went.

        Entries ``in_use`` stay, and so does the newest one.
        """
        keep = self._keep()
        entries = []
        with suppress(OSError):
            entries = sorted(((_age(entry, now), entry) for entry in self.folder.iterdir()), key=lambda e: e[0])
        gone, held = 0, 0
        for number, (age, entry) in enumerate(entries):
            held += _size(entry)
            too_much = number > 0 and held > keep.megabytes * 1_000_000
            if entry.name not in in_use and (too_much or age > keep.hours * 3600):
                _delete(entry)
                gone += 1
        if gone:
            log.info("pruned %d old sounds", gone)
        return gone


def _age(entry: Path, now: Callable[[], float]) -> float:
    with suppress(OSError):
        files = [entry] if entry.is_file() else [entry, *entry.iterdir()]
        return now() - max(file.stat().st_mtime for file in files)
    return 0.0


def _size(entry: Path) -> int:
    total = 0
    with suppress(OSError):
        files = [entry] if entry.is_file() else list(entry.iterdir())
        for file in files:
            total += file.stat().st_size
    return total


def _delete(entry: Path) -> None:
    if entry.is_dir():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        with suppress(OSError):  # Windows: somebody is listening to it; the next round gets it
            entry.unlink()
