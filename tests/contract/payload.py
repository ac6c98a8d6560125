"""What a hostile file does when it is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Payload:
    """Leaves a mark, which shows that code of the file has run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)
