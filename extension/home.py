"""TROUPE_HOME, the one folder per user: the server's rule, known by heart here because neither imports the other.

A test keeps it equal to ``server/boot/home.py``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def default_home(platform: str, environ: Mapping[str, str], user: Path) -> Path:
    """Where it lies when nobody says otherwise."""
    if platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or user / "AppData" / "Local") / "Troupe"
    if platform == "darwin":
        return user / "Library" / "Application Support" / "Troupe"
    return Path(environ.get("XDG_DATA_HOME") or user / ".local" / "share") / "troupe"


def find_home() -> Path:
    """``TROUPE_HOME``, else the platform's place; absolute."""
    chosen = os.environ.get("TROUPE_HOME")
    home = Path(chosen).expanduser() if chosen else default_home(sys.platform, os.environ, Path.home())
    return home.absolute()
