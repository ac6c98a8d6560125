"""Lists of requirements that a test writes."""

from __future__ import annotations

from pathlib import Path


def write_list(folder: Path, name: str, text: str) -> None:
    """Where the launcher is told to look for lists."""
    (folder / f"{name}.txt").write_text(text, encoding="utf-8")
