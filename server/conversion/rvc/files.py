"""RVC's files: the user's voices in one folder, what they were turned into beside them."""

from __future__ import annotations

import json
import re
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


def rvc_choices(folder: Path) -> list[str]:
    """What people choose from: "Disabled", then the voices. Asked for often: some have hundreds of them."""
    return [DISABLED, *sorted(_models(folder), key=str.lower)]


def find_voice(folder: Path, name: str) -> RvcFiles:
    """A voice by its name, looked for anew with each stretch of sound; NotFound lists the ones there are."""
    models = _models(folder)
    if name not in models:
        there = ", ".join(sorted(models)) or f"none: put .pth files into {folder}"
        raise NotFound(f"There is no RVC voice {name!r}. There is: {there}.", code="rvc_voice_not_found")
    beside = [path for path in models.values() if path.parent == models[name].parent]
    files = RvcFiles(name, models[name], _index_of(models[name], alone=len(beside) == 1))
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


def _models(folder: Path) -> dict[str, Path]:
    """Every ``.pth`` in ``folder`` or a folder of its own in it, by name.

    A voice's name is its file's; two of the same name are told apart by their folders.
    """
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.pth")):
        if TURNED not in path.parts and path.is_file():
            found[path.stem if path.stem not in found else f"{path.parent.name} {path.stem}"] = path
    return found


def _index_of(model: Path, *, alone: bool) -> Path | None:
    """The index named like the model; else the only one in a folder that holds only this model."""
    indexes = sorted(model.parent.glob("*.index"))
    name = model.stem.lower()
    named = [path for path in indexes if name in path.stem.lower()]
    whole = re.compile(rf"(?<![^\W_]){re.escape(name)}(?![^\W_])")
    named.sort(key=lambda path: whole.search(path.stem.lower()) is None)  # Ann's before Annabel's
    return named[0] if named else indexes[0] if alone and len(indexes) == 1 else None
