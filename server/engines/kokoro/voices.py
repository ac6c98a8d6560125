"""Kokoro's 54 voices: who they are, and the style vector that makes the model speak as one of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt

from server.errors import NotFound
from server.voices.voice import Gender, Voice

Style = npt.NDArray[np.float32]
"""Shape (1, 256)."""

DATA = Path(__file__).parents[2] / "data" / "kokoro_voices.npz"
LICENCE = "Apache-2.0"
_LANGUAGES = {
    "a": "en-us", "b": "en-gb", "e": "es", "f": "fr-fr", "h": "hi",
    "i": "it", "j": "ja", "p": "pt-br", "z": "zh",
}  # fmt: skip
"""First letter of a voice's id -> its language."""
_GENDERS = {"f": "female", "m": "male"}
"""Second letter -> how it sounds."""

LANGUAGES = tuple(_LANGUAGES.values())


class VoiceBook:
    """All voices, out of one small file of factors (see ``tools/make_kokoro_voices.py``)."""

    def __init__(self, path: Path = DATA) -> None:
        with np.load(path) as data:
            self._tables: Mapping[str, npt.NDArray[np.float32]] = {
                name.removesuffix(".rows"): data[name].astype(np.float32)
                @ data[name.replace(".rows", ".columns")].astype(np.float32)
                for name in data.files
                if name.endswith(".rows")
            }

    def voices(self) -> tuple[Voice, ...]:
        """Every voice, American English first as Kokoro sorts them."""
        return tuple(describe(name) for name in self._tables)

    def style(self, voice: Voice, phonemes: int) -> Style:
        """How ``voice`` speaks so many phonemes; a blend's style is the weighted mean of its voices'."""
        parts = voice.blend or ((voice.speaker or voice.id, 1.0),)
        style = sum(weight * self._row(name, phonemes) for name, weight in parts)
        return cast(Style, style).reshape(1, -1).astype(np.float32)

    def _row(self, name: str, phonemes: int) -> Style:
        table = self._tables.get(name)
        if table is None:
            raise NotFound(f"Kokoro has no voice {name!r}.", param="voice")
        return cast(Style, table[min(max(phonemes, 1), len(table)) - 1])


def describe(name: str) -> Voice:
    """A built-in voice by its id, for example ``af_heart``."""
    return Voice(
        id=name,
        engine="kokoro",
        name=name.split("_", 1)[1].capitalize(),
        languages=(_LANGUAGES[name[0]],),
        gender=cast(Gender, _GENDERS[name[1]]),
        licence=LICENCE,
    )
