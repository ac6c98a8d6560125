"""Opens RVC conversions for the lines that want one."""

from __future__ import annotations

from pathlib import Path

from server.errors import Unavailable
from server.speech.rendition import RvcChoice
from server.speech.speaker import Conversion


def open_conversion(choice: RvcChoice, rate: int) -> Conversion:
    """A conversion at ``rate`` Hz; raises Unavailable where RVC cannot work."""
    raise Unavailable(
        "RVC is switched on, but not installed. Run: python3 -m server install rvc", code="rvc_not_installed"
    )


def rvc_names(folder: Path) -> list[str]:
    """Names of the RVC models in ``folder``: a ``.pth`` file, or a folder that holds one."""
    if not folder.is_dir():
        return []
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("**/*.pth"))
