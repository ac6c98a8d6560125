"""``uninstall``: gives the disk back; voices, models and settings stay unless everything is to go.

Only what Troupe has made is removed: its home may be a folder with other things in it, or one named by mistake.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from server.boot.environment import environments, size_on_disk, traces
from server.boot.errors import BootError
from server.boot.home import Places, is_home, made_by_troupe
from server.boot.lock import FileLock


def uninstall(places: Places, *, ask: bool, everything: bool) -> int:
    """Remove the environments, or all that Troupe has made in its home."""
    target = places.home if everything else places.environments
    ours = _ours(places, everything)
    if not ours:
        sys.stdout.write(f"Nothing is installed in {target}.\n")
        return 0
    if not is_home(places.home):
        raise BootError(
            f"{places.home} does not look like Troupe's folder, so nothing was removed: no server has run with it. "
            "--home or TROUPE_HOME names another."
        )
    if everything and places.home in (Path.home(), *Path.home().parents):
        raise BootError(
            f"{places.home} is not Troupe's alone: folders such as models and audio in it may be yours. Nothing was "
            "removed; `uninstall` without --everything removes the environments, and the rest is yours to delete."
        )
    what = "all voices, models and settings go too" if everything else "voices, models and settings stay"
    size = sum(map(size_on_disk, ours)) / 1e6
    sys.stdout.write(f"This removes from {target}, {size:.0f} MB ({what}):\n  {_names(ours)}\n")
    if ask and not _agreed():
        sys.stdout.write("Nothing was removed.\n")
        return 1
    _remove_environments(places, everything)
    failed = _remove(_ours(places, everything) if everything else [*traces(places.environments), places.state])
    _remove_empty(places.environments)
    if everything:
        _remove_empty(places.home)
    if target.is_dir():
        _tell_what_stays(target, [path for path, _ in failed])
    else:
        sys.stdout.write(f"{target} is removed.\n")
    for path, why in failed:
        sys.stderr.write(f"Troupe: {path} could not be removed: {why}\n")
    return 1 if failed else 0


def _ours(places: Places, everything: bool) -> list[Path]:
    folder = places.environments
    ours = [item.path for item in environments(folder) if item.is_ours()]
    ours += [path for path in traces(folder) if path.exists()]
    if everything and places.home.is_dir():
        ours += [path for path in sorted(places.home.iterdir()) if path != folder and made_by_troupe(path)]
    return ours


def _remove_environments(places: Places, everything: bool) -> None:
    with FileLock(places.environments / "install.lock") as lock, FileLock(places.state_lock) as running:
        if not lock.acquire(note=f"process {os.getpid()}"):
            raise BootError("An installation is running; stop it first.")
        if everything and not running.acquire(note=str(os.getpid())):
            raise BootError("A server is running: stop the server first.")
        for environment in environments(places.environments):
            if environment.is_ours() and not environment.delete():
                raise BootError(f"{environment.path} is in use: stop the server first.")


def _remove(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """Returns what could not be removed, and why."""
    failed = []
    for path in paths:
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)  # of a link only the link: what it names may be another's
        except OSError as error:
            failed.append((path, error.strerror or str(error)))
    return failed


def _remove_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _tell_what_stays(folder: Path, failed: list[Path]) -> None:
    others = [path for path in sorted(folder.iterdir()) if path not in failed]
    if others:
        sys.stdout.write(f"{folder} stays, because this in it is not Troupe's:\n  {_names(others)}\n")


def _names(paths: list[Path]) -> str:
    shown = ", ".join(path.name for path in paths[:20])
    return f"{shown} and {len(paths) - 20} more" if len(paths) > 20 else shown


def _agreed() -> bool:
    sys.stdout.write("Go on? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
