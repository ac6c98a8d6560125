"""Which messages have been spoken, so that their players come back after a reload.

A take is found by the message's text and who says it: nothing is written into the host's chat histories, a swipe
or an edit has its own take or none, and a chat is as it was when Troupe is removed. The sound itself stays with
the server, which clears it away by age and size.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .files import read_json, write_json

_MOST = 2000
"""Takes that are remembered; each is a few hundred bytes."""
MOST_ASKED = 400
"""Messages that a page may ask for at once."""
_BASES = (0x811C9DC5, 0x2F0B4C47)
_NAME = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}")


class Takes:
    """A folder with one small file for each text that somebody has spoken."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def keep(self, text: str, speaker: str, clips: list[dict[str, Any]]) -> None:
        with self._lock:
            write_json(self._folder / f"{key(text, speaker)}.json", {"clips": clips})
            files = sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime)
            for file in files[:-_MOST]:
                file.unlink(missing_ok=True)

    def find(self, name: str) -> list[dict[str, Any]]:
        """The clips of the take with that key; empty where there is none."""
        if not _NAME.fullmatch(name):
            return []
        # Up to 0.1.0 a take was kept by its text alone.
        for stem in (name, name.partition("-")[0]):
            clips = read_json(self._folder / f"{stem}.json").get("clips")
            if isinstance(clips, list):
                return [clip for clip in clips if isinstance(clip, dict)]
        return []

    def find_text(self, text: str, speaker: str) -> list[dict[str, Any]]:
        return self.find(key(text, speaker))

    def find_all(self, names: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
        return {name: clips for name in names if (clips := self.find(name))}


def key(text: str, speaker: str) -> str:
    """A name for a text that somebody says, the same as the page computes (``takeKey`` in 1-text.js)."""
    return f"{_hash(text)}-{_hash(speaker)}"


def _hash(text: str) -> str:
    """Two FNV-1a hashes with different bases over its UTF-16 code units.

    The browser's own digests exist on https and localhost only, and a phone on the network has neither.
    """
    text = text.replace("\r\n", "\n").strip(" \t\r\n")
    units = memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")
    parts = []
    for value in _BASES:
        for unit in units:
            value = ((value ^ unit) * 0x01000193) & 0xFFFFFFFF
        parts.append(f"{value:08x}")
    return "".join(parts)
