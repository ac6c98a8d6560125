"""Takes an archive of weights apart: plain files into one folder, whatever the archive would like."""

from __future__ import annotations

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from server.errors import Unavailable

MOST_FILES = 200
MOST_BYTES = 8_000_000_000
"""Of all files unpacked together."""
_BLOCK = 1 << 20
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, ValueError)
"""What the reader makes of a damaged, encrypted or exotic archive."""


def unpack(archive: Path, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
    """Every file of a zip into ``folder``, without the folders it is in; Unavailable if it is not a plain archive."""
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            for name, entry in _plain(opened, most_bytes).items():
                _write(opened, entry, folder / name)
    except _BROKEN as error:
        raise Unavailable(f"{archive.name} cannot be unpacked: {error}.", code="bad_archive") from error


def _plain(opened: zipfile.ZipFile, most_bytes: int) -> dict[str, zipfile.ZipInfo]:
    """Its files by their last names; ValueError before anything is written if one of them is not what it should be."""
    entries = [entry for entry in opened.infolist() if not entry.is_dir()]
    if len(entries) > MOST_FILES:
        raise ValueError(f"it holds {len(entries)} files")
    if sum(entry.file_size for entry in entries) > most_bytes:
        raise ValueError(f"unpacked it would be larger than {most_bytes / 1e9:g} GB")
    names: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if path.is_absolute() or ".." in path.parts or set(entry.filename) & set("\\:\0"):
            raise ValueError(f"{entry.filename!r} points out of its folder")
        mode = entry.external_attr >> 16
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
            raise ValueError(f"{entry.filename!r} is not a plain file")
        if path.name.startswith(".") or "__MACOSX" in path.parts:
            continue
        if path.name.casefold() in (name.casefold() for name in names):
            raise ValueError(f"{path.name!r} is in it twice")
        names[path.name] = entry
    return names


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> None:
    # The reader ends at the size that was counted above and compares the checksum there.
    with opened.open(entry) as source, path.open("xb") as target:
        while block := source.read(_BLOCK):
            target.write(block)
