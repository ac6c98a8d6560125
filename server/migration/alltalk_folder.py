"""What lies in a folder of AllTalk TTS v2: read, never changed."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server.errors import InvalidRequest
from server.voices.alltalk_names import plain_voice
from server.voices.names import is_generic, without_wav

RELEASE = re.compile(r"xttsv2_\d+\.\d+\.\d+", re.IGNORECASE)
"""What AllTalk calls the folders of the published XTTS model."""

_SHIPPED_VOICES = frozenset({"female_01.wav", "female_01.wavf", "en_US-ljspeech-high.onnx"})
"""What AllTalk's own settings give all six of OpenAI's names to."""


@dataclass(frozen=True, slots=True)
class Clips:
    """One voice to be cloned."""

    name: str
    """As it may be kept here."""
    called: str
    """As AllTalk's clients ask for it."""
    files: Sequence[Path]


@dataclass(frozen=True, slots=True)
class AllTalkFolder:
    """Everything found that might be of use; paths are inside the folder."""

    path: Path
    clips: Sequence[Clips]
    rvc: Sequence[Path]
    """Models and their indexes."""
    piper: Sequence[Path]
    """``.onnx`` files."""
    xtts: Sequence[Path]
    """Folders of models."""
    maps: Mapping[str, Mapping[str, str]]
    """By AllTalk's engine: who speaks for OpenAI's names."""
    conversion: Mapping[str, Any] = field(default_factory=dict)
    """``rvc_settings`` of its configuration."""
    left: Sequence[tuple[str, str]] = ()
    """What cannot be used, and why."""

    @property
    def rvc_folder(self) -> Path:
        """Where its RVC voices lie."""
        return self.path / "models" / "rvc_voices"


def look(path: Path) -> AllTalkFolder:
    """Read the folder; InvalidRequest where it is not AllTalk's."""
    if not (path / "voices").is_dir() or not ((path / "confignew.json").is_file() or (path / "system").is_dir()):
        raise InvalidRequest(
            f"{path} is not AllTalk v2's folder: that has the folders 'voices' and 'system' in it.", param="folder"
        )
    left: list[tuple[str, str]] = []
    clips = [_clip(file) for file in _files(path / "voices", "*.wav")]
    for folder in _folders(path / "voices" / "xtts_multi_voice_sets"):
        if files := _files(folder, "*.wav"):
            clips.append(Clips(_kept_name(folder.name), f"voiceset:{folder.name}", files))
    latents = "what a model made of a clip, for that model alone; clone the clip itself"
    left += [(file.name, latents) for file in _files(path / "voices" / "xtts_latents", "*.json")]
    models = path / "models"
    return AllTalkFolder(
        path=path,
        clips=clips,
        rvc=[*_files(models / "rvc_voices", "**/*.pth"), *_files(models / "rvc_voices", "**/*.index")],
        piper=_files(models / "piper", "*.onnx"),
        xtts=_folders(models / "xtts"),
        maps=_maps(path / "system" / "tts_engines", left),
        conversion=_mapping(_json(path / "confignew.json", left).get("rvc_settings")),
        left=left,
    )


def voice_name(called: str) -> str:
    """What AllTalk calls a voice (``x.wav``, ``x.onnx``, ``voiceset:x``), as it is kept here."""
    return _kept_name(without_wav(plain_voice(called)))


def _clip(file: Path) -> Clips:
    return Clips(_kept_name(file.stem), file.name, [file])


def _kept_name(name: str) -> str:
    name = unicodedata.normalize("NFC", name)  # a Mac takes letters apart, and the library puts them together
    tidy = re.sub(r"[^\w .\-()]", "_", name).strip(" .")
    # female_01 means the first female voice of any engine here, so AllTalk's sample of that name gets another.
    return f"alltalk_{tidy}" if is_generic(tidy) else tidy


def _maps(engines: Path, left: list[tuple[str, str]]) -> dict[str, dict[str, str]]:
    maps = {}
    for file in _files(engines, "*/model_settings.json"):
        voices = _mapping(_json(file, left).get("openai_voices"))
        chosen = {str(name).lower(): voice for name, voice in voices.items() if isinstance(voice, str) and voice}
        if chosen and not set(chosen.values()) <= _SHIPPED_VOICES:
            maps[file.parent.name] = chosen
    return maps


def _json(file: Path, left: list[tuple[str, str]]) -> Mapping[str, Any]:
    if not file.is_file():
        return {}
    try:
        return _mapping(json.loads(file.read_text("utf-8-sig")))
    except (OSError, ValueError) as error:
        left.append((f"{file.parent.name}/{file.name}", f"cannot be read: {error}"))
        return {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(file for file in folder.glob(pattern) if file.is_file()) if folder.is_dir() else []


def _folders(folder: Path) -> list[Path]:
    return sorted(entry for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
