"""A virtual environment in TROUPE_HOME/env: what is in it, whether it still works, who uses it.

Its folder is named ``<python version>-<hash of the default lists>``. ``troupe.json`` inside says which lists
are installed, each with its digest: a start compares digests and looks at nothing else, so it takes
milliseconds and no network. Lists beyond the default ones (further engines) are only written
there and change no name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from server.boot.lists import RequirementsList
from server.boot.lock import FileLock
from server.files import write_atomically

MARKER = "troupe.json"
_NAME = re.compile(r"(\.removed-)?\d\.\d+-[0-9a-f]+(-\d+)?")


class Environment:
    """One virtual environment, existing or not yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._use = FileLock(path.parent / f".{path.name}.use")

    @property
    def name(self) -> str:
        """Its folder's name."""
        return self.path.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def packages(self) -> Path:
        """Its site-packages; a path that does not exist when the environment does not."""
        if os.name == "nt":
            return self.path / "Lib" / "site-packages"
        return next(iter(self.path.glob("lib/python3*/site-packages")), self.path / "lib")

    def installed(self) -> dict[str, str]:
        """Digest of every list that is completely installed."""
        return {str(name): str(digest) for name, digest in self._marker().get("lists", {}).items()}

    def was_made(self) -> bool:
        """False for a folder whose making was interrupted before anything was installed into it."""
        return (self.path / MARKER).is_file()

    def is_ours(self) -> bool:
        """False for a folder that somebody else put beside ours."""
        return self.was_made() or _NAME.fullmatch(self.name) is not None

    def unfinished(self) -> bool:
        """True after an installation that did not come to its end."""
        return bool(self._marker().get("unfinished", True))

    def record(self, installed: Mapping[str, str], *, unfinished: bool) -> None:
        """Write down what is installed, atomically."""
        write_atomically(
            self.path / MARKER,
            json.dumps({"lists": dict(installed), "unfinished": unfinished}, indent=1),
        )

    def missing(self, lists: Iterable[RequirementsList]) -> list[RequirementsList]:
        """Lists to install, all of them when the last installation was interrupted."""
        installed = {} if self.unfinished() else self.installed()
        return [item for item in lists if installed.get(item.name) != item.digest]

    def has_packages_of(self, item: RequirementsList) -> bool:
        """Whether what a list names is there in some version; lines for some machines only are not looked at."""
        there = {_spelt(info.name.partition("-")[0]) for info in self.packages.glob("*.dist-info")}
        names = (re.match(r"[\w.-]+", line) for line in item.requirements if ";" not in line and line[0] != "-")
        return all(name is not None and _spelt(name[0]) in there for name in names)

    def alive(self) -> bool:
        """Whether its base interpreter is still there and of the version it was made for."""
        settings = _read_pyvenv(self.path / "pyvenv.cfg")
        if not self.python.exists() or not Path(settings.get("home", "/nowhere")).is_dir():
            return False
        # /usr/bin/python3 may point to another minor version after a system upgrade.
        real = re.search(r"python(3\.\d+)(?:\.exe)?$", str(self.python.resolve()))
        made = re.match(r"3\.\d+", settings.get("version", settings.get("version_info", "")))
        return not (real and made) or real[1] == made[0]

    def is_current(self) -> bool:
        """Whether this very process runs in it."""
        return Path(sys.prefix).resolve() == self.path.resolve()

    def use(self) -> bool:
        """Say that it is in use, until this process and a program that replaces it have ended.

        On Windows the lock is exclusive and so may fail beside another user; there the system itself refuses
        to rename a folder with a running program in it, which is all the lock is for.
        """
        held = self._use.acquire(shared=True)
        if held:
            self._use.keep()
            os.utime(self._use.path)
        return held

    def leave(self) -> None:
        """Use it no longer."""
        self._use.release()

    def last_used(self) -> float:
        """Seconds since 1970, 0 when never."""
        try:
            return self._use.path.stat().st_mtime
        except OSError:
            return 0.0

    def move(self, to: Environment) -> bool:
        """Take another name, unless somebody uses it. Nothing in it but unused scripts knows its own path."""
        if not self._use.acquire():
            return False
        # Windows cannot rename a folder that an open handle keeps; the lock lies beside it, not in it.
        with self._use:
            try:
                self.path.replace(to.path)
            except OSError:
                return False
        return True

    def delete(self) -> bool:
        """Remove it, unless somebody uses it; renamed first, so that its name never means a half."""
        grave = Environment(self.path.with_name(f".removed-{self.name}-{os.getpid()}"))
        if self.path.exists() and not self.move(grave):
            return False
        shutil.rmtree(grave.path, ignore_errors=True)
        return True

    def drop_broken_packages(self) -> list[str]:
        """Forget packages that an interruption left incomplete, so that pip installs them again.

        pip writes RECORD last; a killed upgrade also leaves folders that begin with a tilde.
        """
        dropped = []
        for info in self.packages.glob("*.dist-info"):
            if not _is_whole(info):
                shutil.rmtree(info)
                dropped.append(info.name.removesuffix(".dist-info"))
        for left in self.packages.glob("~*"):
            shutil.rmtree(left, ignore_errors=True)
        return dropped

    def _marker(self) -> dict[str, Any]:
        try:
            content = json.loads((self.path / MARKER).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


def environments(folder: Path) -> list[Environment]:
    """Those in a folder, and remains of removed ones."""
    if not folder.is_dir():
        return []
    return [Environment(path) for path in sorted(folder.iterdir()) if path.is_dir()]


def traces(folder: Path) -> list[Path]:
    """The locks that lie beside environments."""
    return [folder / "install.lock", *folder.glob(".*.use")]


def version_of_this_python() -> str:
    """``3.12``: patch releases share compiled packages."""
    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def size_on_disk(path: Path) -> int:
    """Bytes of a file, or of all below a folder."""
    files = path.rglob("*") if path.is_dir() and not path.is_symlink() else [path]
    return sum(file.lstat().st_size for file in files if file.is_file())


def _spelt(package: str) -> str:
    """A package's name as all who write it differently mean it."""
    return re.sub(r"[-_.]+", "_", package).lower()


def _is_whole(info: Path) -> bool:
    record = info / "RECORD"
    if not record.is_file():
        return False
    for line in record.read_text(encoding="utf-8", errors="replace").splitlines():
        path, digest, size = [*line.rsplit(",", 2), "", ""][:3]
        if not digest or not size.isdigit():
            continue
        target = info.parent / path.strip('"')
        if not target.is_file() or target.stat().st_size != int(size):
            return False
    return True


def _read_pyvenv(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines)
    return {key.strip(): value.strip() for key, _, value in pairs}
