"""The latents of cloned voices, computed once and kept, the least used given up first."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from server.engines.coqui.shared import read_clip
from server.engines.coqui.xtts_model import Latents, XttsModel
from server.voices.voice import Voice

KEPT = 64
"""Each is some 130 kB."""


class ClonedLatents:
    """By model and reference clips; a clip that changed is heard again."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], Latents] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def of(self, voice: Voice, name: str, model: XttsModel) -> Latents:
        """Of a clone by the model ``name``; raises InvalidRequest when its clips cannot be used."""
        key = (name, *(f"{clip}:{_stamp(clip)}" for clip in voice.clips))
        if key not in self._kept:
            self._kept[key] = model.clone([read_clip(clip) for clip in voice.clips])
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def _stamp(clip: str) -> int:
    path = Path(clip)
    return path.stat().st_mtime_ns if path.is_file() else 0
