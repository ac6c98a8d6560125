"""RVC's files: the user's voices in one folder, what they were turned into beside them."""

from __future__ import annotations

import json
import os
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.conversion.rvc.settings import DISABLED
from server.conversion.rvc.shape import RvcShape
from server.errors import NotFound, SynthesisFailed

TURNED = ".turned"
"""Folder, beside the voices, of their safetensors."""
_LARGEST = 2**31
"""Bytes; RVC's models have some 60 MB, an index some hundred."""
_GRAIN = 2_500_000_000
"""Nanoseconds: file systems note the time of a change with a grain of up to two seconds."""


@dataclass(frozen=True, slots=True)
class RvcFiles:
    """One voice as the user dropped it in."""

    name: str
    model: Path
    index: Path | None

    @property
    def turned(self) -> Path:
        """Path of the plain tensors."""
        return self.model.parent / TURNED / f"{self.name}.safetensors"

    @property
    def stamp(self) -> str:
        """Changes when one of the files does."""
        parts = [self.model] + ([self.index] if self.index else [])
        return " ".join(f"{path.name}:{path.stat().st_size}:{path.stat().st_mtime_ns}" for path in parts)


class RvcFolder:
    """The voices in a folder: read when first asked for, and again when it or a folder in it has changed.

    For any thread. A look at what has not changed is one ``stat`` for each folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reading: _Reading | None = None

    @property
    def stamp(self) -> tuple[int, ...]:
        """Changes when a voice comes or goes; nothing is read for it."""
        known = self._reading.changed if self._reading else (self.path,)
        return tuple(map(_changed_at, known))

    def voices(self) -> Mapping[str, RvcFiles]:
        """Every ``.pth`` in it or a folder of its own in it, by name, each with its index if there is one.

        A voice's name is its file's; two of the same name are told apart by their folders.
        """
        reading = self._reading
        if reading is None or not reading.is_current():
            reading = self._reading = _read(self.path)
        return reading.voices

    def choices(self) -> list[str]:
        """What people choose from: "Disabled", then the voices."""
        return [DISABLED, *sorted(self.voices(), key=str.lower)]

    def find(self, name: str) -> RvcFiles:
        """A voice by its name; NotFound lists the ones there are."""
        voices = self.voices()
        if name not in voices:
            there = ", ".join(sorted(voices)) or f"none: put .pth files into {self.path}"
            raise NotFound(f"There is no RVC voice {name!r}. There is: {there}.", code="rvc_voice_not_found")
        files = voices[name]
        for path in (files.model, files.index):
            if path is not None and path.stat().st_size > _LARGEST:
                raise SynthesisFailed(f"{path.name} is too large for an RVC file.", code="bad_rvc_model")
        return files


def read_turned(files: RvcFiles) -> tuple[RvcShape, Path] | None:
    """Shape and tensors of a voice that was turned before and has not changed since."""
    description = files.turned.with_suffix(".json")
    try:
        data: dict[str, Any] = json.loads(description.read_text(encoding="utf-8"))
        if data["stamp"] != files.stamp or not files.turned.is_file():
            return None
        return RvcShape.from_json(data["shape"]), files.turned
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What was found, and when the folders had changed."""

    voices: Mapping[str, RvcFiles]
    changed: Mapping[Path, int]
    at: int
    """Nanoseconds since the epoch, before anything was read."""

    def is_current(self) -> bool:
        """Whether it can be relied on; not while another change might still have the same time."""
        if max(self.changed.values()) + _GRAIN >= self.at:
            return False
        return all(_changed_at(folder) == changed for folder, changed in self.changed.items())


def _read(root: Path) -> _Reading:
    at = time.time_ns()
    changed = {root: _changed_at(root)}
    models: list[Path] = []
    indexes: dict[Path, list[Path]] = {}
    for name, folders, files in os.walk(root):
        folder = Path(name)
        folders[:] = [each for each in folders if each != TURNED]
        changed[folder] = _changed_at(folder)
        models += (folder / file for file in files if _ends_with(file, ".pth"))
        indexes[folder] = sorted(folder / file for file in files if _ends_with(file, ".index"))
    models = [path for path in sorted(models) if path.is_file()]
    neighbours = Counter(path.parent for path in models)
    # No file's name holds a slash, so one search finds the first index that a name is in.
    words = {folder: "/".join(path.stem.lower() for path in found) for folder, found in indexes.items()}
    voices: dict[str, RvcFiles] = {}
    for path in models:
        folder = path.parent
        name = path.stem if path.stem not in voices else f"{folder.name} {path.stem}"
        index = _index_of(path, indexes[folder], words[folder], alone=neighbours[folder] == 1)
        voices[name] = RvcFiles(name, path, index)
    return _Reading(voices, changed, at)


def _index_of(model: Path, indexes: Sequence[Path], words: str, *, alone: bool) -> Path | None:
    """The first index with the model's name in its own; else the only one in a folder that holds only this model.

    As a word of its own before anything else: Ann's index is not that of Joanna.
    """
    name = re.escape(model.stem.lower())
    found = re.search(rf"(?<![^\W_]){name}(?![^\W_])", words) or re.search(name, words)
    if indexes and found:
        return indexes[words.count("/", 0, found.start())]
    return indexes[0] if alone and len(indexes) == 1 else None


def _ends_with(name: str, suffix: str) -> bool:
    return os.path.normcase(name).endswith(suffix)


def _changed_at(folder: Path) -> int:
    """When a file last came to it or went, in nanoseconds since the epoch; 0 where there is none."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0
