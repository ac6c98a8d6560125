"""The library's list of models, read from its data file: neither the library nor torch is imported.

The list says where a model lies, under which licence, and which vocoder it was made with. It says no checksums.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.engines.weights import package_file
from server.errors import InvalidRequest, NotFound, Unavailable

ENGINE = "coqui-vits"
INSTALL = f"python3 -m server install {ENGINE}"
_TAGS = {"zh-cn": "zh", "ewe": "ee", "hau": "ha", "lin": "ln", "yor": "yo", "tw_akuapem": "tw", "tw_asante": "tw"}
"""The list's languages that are no BCP 47 tags, or longer than they need be."""
_MULTILINGUAL = {"your_tts": ("en", "fr", "pt")}
_REFUSED = (
    ("voice_conversion_models/", "changes a voice and does not speak"),
    ("vocoder_models/", "is a vocoder: it is fetched with the models that were made for it"),
    ("/xtts_v2", "is an engine of its own: `python3 -m server install xtts`"),
    ("/xtts_v1", "is older than XTTS v2, which is an engine of its own: `python3 -m server install xtts`"),
    ("/bark", "invents its voices as it goes and has no speakers to choose from"),
    ("/tortoise", "has no speakers to choose from and takes minutes for a sentence"),
    ("/fairseq/", "is not in the library's list: Meta publishes it apart, without a place to fetch it safely"),
)
"""Part of a name, and why such a model is no voice of this engine."""


@dataclass(frozen=True, slots=True)
class LibraryModel:
    """One entry of the list: a model that speaks, or a vocoder."""

    name: str
    """``tts_models/en/vctk/vits``: kind, language, data set, model."""
    languages: tuple[str, ...]
    """Lower-case BCP 47 tags; empty for a vocoder."""
    licence: str
    vocoder: str = ""
    """Name of the vocoder it needs; empty where it makes the sound itself, or the library has none for it."""
    url: str = ""
    """Address of its archive; empty where it lies on the hub."""
    repo: str = ""
    """Its place on the hub."""
    allow: tuple[str, ...] = ()
    """Patterns of the only files wanted from there; empty for all."""
    ignore: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """Name of its folder in the models folder."""
        return self.name.replace("/", "--")

    @property
    def asks(self) -> bool:
        """Whether its licence has to be accepted first: not for commerce, or with terms one has to read."""
        words = self.licence.upper().replace("-", " ").split()
        return "NC" in words or "CPML" in words or "CUSTOM" in words


def speaking_models(listed: Path | None = None) -> dict[str, LibraryModel]:
    """Models that the engine can speak with, by name."""
    return {name: model for name, model in read_list(listed).items() if not _refusal(name)}


def find_model(name: str, listed: Path | None = None) -> LibraryModel:
    """The model of that name; InvalidRequest says why one cannot speak here, NotFound which names are near."""
    if reason := _refusal(name):
        raise InvalidRequest(f"{name} {reason}.", code="not_a_voice", param="model")
    models = speaking_models(listed)
    if name not in models:
        raise NotFound(f"The library has no model {name!r}. {_near(name, list(models))}", param="model")
    return models[name]


def read_list(listed: Path | None = None) -> dict[str, LibraryModel]:
    """Everything in the list, vocoders included; Unavailable where the library is not installed."""
    path = listed or package_file("TTS", ".models.json")
    if path is None:
        raise Unavailable(f"Coqui TTS is not installed: run `{INSTALL}`.", code="engine_not_installed")
    found = json.loads(path.read_text(encoding="utf-8"))
    return {
        model.name: model
        for kind, languages in found.items()
        for language, sets in languages.items()
        for data, models in sets.items()
        for last, entry in models.items()
        if (model := _entry((kind, language, data, last), entry)) is not None
    }


def language_tag(language: str) -> str:
    """The BCP 47 tag of one of the library's language names."""
    lower = language.lower()
    return _TAGS.get(lower, lower)


def _entry(parts: tuple[str, str, str, str], entry: Mapping[str, Any]) -> LibraryModel | None:
    """None for what has neither an archive nor a place on the hub."""
    url, repo = entry.get("github_rls_url") or "", entry.get("repo_id") or ""
    if not (isinstance(url, str) and url) and not repo:
        return None
    speaks = parts[0] == "tts_models"
    return LibraryModel(
        name="/".join(parts),
        languages=_MULTILINGUAL.get(parts[3], (language_tag(parts[1]),)) if speaks else (),
        licence=str(entry.get("license") or "unknown"),
        vocoder=entry.get("default_vocoder") or "",
        url=url if isinstance(url, str) else "",
        repo=repo,
        allow=tuple(entry.get("allow") or ()),
        ignore=tuple(entry.get("ignore") or ()),
    )


def _refusal(name: str) -> str:
    return next((reason for part, reason in _REFUSED if part in name), "")


def _near(name: str, names: list[str]) -> str:
    parts = [part for part in name.lower().split("/") if part and part != "tts_models"]
    near = difflib.get_close_matches(name, names, n=5, cutoff=0.75)
    near += [other for other in names if other not in near and any(part in other.split("/")[1:] for part in parts)]
    return f"Near to it: {', '.join(near[:8])}." if near else f"It has, for example: {', '.join(names[:8])}."
