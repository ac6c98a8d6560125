"""What a person has chosen in the settings block, kept in TROUPE_HOME/hosts/tgwui.json.

The host's own settings are saved only when somebody presses its button, and an extension's folder is public:
so the choices, the key among them, have a file of their own that is written at each change.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from .files import read_json, write_json

INSTRUCT = ""
"""The name under which instruct mode keeps its choices; it has no character."""
SKIPPABLE = ("actions", "speech", "reasoning", "code", "urls", "emoji")


@dataclass(frozen=True)
class General:
    """Choices that do not depend on the character."""

    on: bool = True
    live: bool = True
    """Speak while the model types; otherwise when the reply is complete."""
    greeting: bool = True
    player: bool = True
    """Show a small player under each spoken message."""
    volume: float = 1.0
    """0 to 1, in the browser."""
    address: str = ""
    """Of a server elsewhere; empty for the one on this machine."""
    key: str = ""


@dataclass(frozen=True)
class Character:
    """How one character is spoken."""

    voice: str = ""
    """Empty: the server's default voice."""
    narrator: str = ""
    """Empty: the character's."""
    unmarked: str = "character"
    skip: tuple[str, ...] = ("reasoning", "code", "urls", "emoji")
    speed: float = 1.0
    rvc: str = ""
    """Empty: what the server has set for the voice."""
    rvc_narrator: str = ""
    """Empty: the character's where both speak with one voice, else what the server has set."""


_Shape = TypeVar("_Shape", General, Character)


class Choices:
    """The file, read again when another window or host has changed it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._content: dict[str, Any] = {}
        self._stamp = -1

    def general(self) -> General:
        with self._lock:
            return _shaped(General(), self._read())

    def change(self, **values: Any) -> General:
        with self._lock:
            content = self._read()
            general = replace(_shaped(General(), content), **values)
            self._write({**content, **asdict(general)})
            return general

    def character(self, name: str, engine: str) -> Character:
        """The choices for a character; its voices are those for this engine."""
        with self._lock:
            entry = _entry(self._read(), "characters", name)
            return _shaped(Character(), {**entry, **_entry(entry, "voices", engine)})

    def change_character(self, name: str, engine: str, **values: Any) -> Character:
        with self._lock:
            content = self._read()
            entry = _entry(content, "characters", name)
            voices = _entry(entry, "voices", engine)
            character = replace(_shaped(Character(), {**entry, **voices}), **values)
            kept = asdict(character)
            spoken = {part: kept.pop(part) for part in ("voice", "narrator")}
            kept["voices"] = {**_entry(entry, "voices"), engine: spoken}
            self._write({**content, "characters": {**_entry(content, "characters"), name: kept}})
            return character

    def forget_character(self, name: str) -> None:
        """Back to the defaults."""
        with self._lock:
            content = self._read()
            others = {key: value for key, value in _entry(content, "characters").items() if key != name}
            self._write({**content, "characters": others})

    def engines_with_a_voice(self, name: str) -> list[str]:
        """Engines for which a voice has been chosen for this character."""
        with self._lock:
            voices = _entry(_entry(self._read(), "characters", name), "voices")
        return [engine for engine in voices if _entry(voices, engine).get("voice")]

    def _read(self) -> dict[str, Any]:
        try:
            stamp = self._path.stat().st_mtime_ns
        except OSError:
            stamp = 0
        if stamp != self._stamp:
            self._content, self._stamp = read_json(self._path), stamp
        return self._content

    def _write(self, content: dict[str, Any]) -> None:
        write_json(self._path, content)
        self._content, self._stamp = content, self._path.stat().st_mtime_ns


def _entry(content: Mapping[str, Any], *names: str) -> dict[str, Any]:
    for name in names:
        inner = content.get(name)
        content = inner if isinstance(inner, dict) else {}
    return dict(content)


def _shaped(default: _Shape, content: Mapping[str, Any]) -> _Shape:
    """The default with every stored value that has the right type; a hand-edited file must not stop a chat."""
    good: dict[str, Any] = {}
    for entry in fields(default):
        value, usual = content.get(entry.name), getattr(default, entry.name)
        if isinstance(usual, tuple) and isinstance(value, list | tuple):
            good[entry.name] = tuple(item for item in value if item in SKIPPABLE)
        elif isinstance(usual, float) and isinstance(value, int | float) and not isinstance(value, bool):
            good[entry.name] = float(value)
        elif type(value) is type(usual):
            good[entry.name] = value
    return replace(default, **good)
