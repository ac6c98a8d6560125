"""``uninstall``: gives the disk back; voices, models and settings stay unless everything is to go."""

from __future__ import annotations

import os
import shutil
import sys

from server.boot.environment import environments, size_on_disk
from server.boot.errors import BootError
from server.boot.home import Places
from server.boot.lock import FileLock


def uninstall(places: Places, *, ask: bool, everything: bool) -> int:
    """Remove the environments, or the whole home."""
    target = places.home if everything else places.environments
    if not target.is_dir():
        sys.stdout.write(f"Nothing is installed in {target}.\n")
        return 0
    what = "with all voices, models and settings" if everything else "voices, models and settings stay"
    sys.stdout.write(f"This removes {target}, {size_on_disk(target) / 1e6:.0f} MB ({what}).\n")
    if ask and not _agreed():
        sys.stdout.write("Nothing was removed.\n")
        return 1
    with FileLock(places.environments / "install.lock") as lock:
        if not lock.acquire(note=f"process {os.getpid()}"):
            raise BootError("An installation is running; stop it first.")
        for environment in environments(places.environments):
            if not environment.delete():
                raise BootError(f"{environment.path} is in use: stop the server first.")
    shutil.rmtree(target)
    if not everything:
        places.state.unlink(missing_ok=True)
    sys.stdout.write(f"{target} is removed.\n")
    return 0


def _agreed() -> bool:
    sys.stdout.write("Go on? [y/N] ")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
