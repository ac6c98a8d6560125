"""TROUPE_HOME: the one folder per user that holds everything made at run time.

The extension knows the same rule by heart (it may not import the server); a test keeps the two equal.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("audio", "env", "hosts", "logs", "models", "rvc", "studio", "tests", "voices")
FILES = ("key", "lexicon.yaml", "settings.yaml", "state.json", "state.lock", "voicemap.yaml")
"""With the folders all that Troupe makes in it, backups and temporary files aside; nothing else is ever removed."""
_BESIDE = re.compile(rf"({'|'.join(map(re.escape, FILES))})(\..*)?\.(bak|orig(\.[0-9]+)?|tmp)")
_SIGNS = ("state.lock", "env/install.lock", "tests/env/install.lock", "logs/server.log")


def default_home(platform: str, environ: Mapping[str, str], user: Path) -> Path:
    """Where it lies when nobody says otherwise."""
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or user / "AppData" / "Local") / "Troupe"
    if platform == "darwin":
        return user / "Library" / "Application Support" / "Troupe"
    return Path(environ.get("XDG_DATA_HOME") or user / ".local" / "share") / "troupe"


def find_home(argument: str | None = None) -> Path:
    """``--home``, else ``TROUPE_HOME``, else the platform's place; absolute."""
    chosen = argument or os.environ.get("TROUPE_HOME")
    home = Path(chosen).expanduser() if chosen else default_home(sys.platform, os.environ, Path.home())
    return home.absolute()


def is_home(folder: Path) -> bool:
    """Whether Troupe ever ran with it; a folder named by mistake may have its own ``models``."""
    return any((folder / sign).is_file() for sign in _SIGNS)


def made_by_troupe(path: Path) -> bool:
    """Whether this entry of the home is Troupe's."""
    if path.is_dir():
        return path.name in FOLDERS
    plain = path.name.removeprefix(".")
    return plain in FILES or _BESIDE.fullmatch(plain) is not None


@dataclass(frozen=True)
class Places:
    """Paths inside the home that the launcher uses."""

    home: Path

    @property
    def environments(self) -> Path:
        """Virtual environments, one folder each."""
        return self.home / "env"

    @property
    def state(self) -> Path:
        """What the launcher is doing, for hosts to read."""
        return self.home / "state.json"

    @property
    def state_lock(self) -> Path:
        """Held by the process that writes the state: a server, for as long as it runs."""
        return self.home / "state.lock"

    @property
    def models(self) -> Path:
        """Weights, one folder for each engine."""
        return self.home / "models"

    @property
    def log(self) -> Path:
        """Everything pip said."""
        return self.home / "logs" / "install.log"
