"""The file that lists a user's voices of one engine, those in the trash, and what is set for any voice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import yaml

from server.voices.voice import Gender, Voice

HEADER = "# Your own voices for this engine. Clips lie in the folder beside, named by their content.\n"


@dataclass(frozen=True, slots=True)
class VoiceSettings:
    """What is set for one voice; None leaves the decision to the settings."""

    speed: float | None = None
    rvc: str | None = None
    """RVC voice; ``Disabled`` means none, whatever is set globally."""
    rvc_pitch: float | None = None
    """Semitones."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything the library knows of one engine."""

    voices: Mapping[str, Voice] = field(default_factory=dict)
    """By id, oldest first."""
    trash: Mapping[str, tuple[Voice, float]] = field(default_factory=dict)
    """Deleted voices, and when (seconds since 1970)."""
    settings: Mapping[str, VoiceSettings] = field(default_factory=dict)
    """By voice id, the engine's own voices included."""


def parse_manifest(text: str, engine: str, clips: Path) -> Manifest:
    """From the file's text; raises ValueError for what is not a manifest."""
    try:
        content: Any = yaml.safe_load(text) or {}
        return Manifest(
            voices={row["id"]: _voice(row, engine, clips) for row in content.get("voices") or ()},
            trash={
                row["id"]: (_voice(row, engine, clips), float(row["deleted"]))
                for row in content.get("trash") or ()
            },
            settings={str(key): VoiceSettings(**row) for key, row in (content.get("settings") or {}).items()},
        )
    except (yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a list of voices: {error}") from error


def dump_manifest(manifest: Manifest) -> str:
    """As the file's text."""
    content = {
        "voices": [_row(voice) for voice in manifest.voices.values()],
        "trash": [{**_row(voice), "deleted": deleted} for voice, deleted in manifest.trash.values()],
        "settings": {key: _without_none(row) for key, row in manifest.settings.items()},
    }
    filled = {key: value for key, value in content.items() if value}
    return HEADER + (yaml.safe_dump(filled, allow_unicode=True, sort_keys=False) if filled else "")


def _voice(row: Mapping[str, Any], engine: str, clips: Path) -> Voice:
    kind, gender = row["kind"], row.get("gender", "neutral")
    if kind not in ("blend", "clone") or gender not in get_args(Gender):
        raise ValueError(f"not a voice: {kind!r}, {gender!r}")
    return Voice(
        id=str(row["id"]),
        engine=engine,
        name=str(row.get("name") or row["id"]),
        languages=tuple(str(tag) for tag in row.get("languages") or ("en",)),
        gender=gender,
        licence=str(row.get("licence", "unknown")),
        kind=kind,
        blend=tuple((str(part), float(weight)) for part, weight in (row.get("blend") or {}).items()),
        clips=tuple(str(clips / f"{_digest(clip)}.wav") for clip in row.get("clips") or ()),
        transcript=row.get("transcript"),
    )


def _digest(text: object) -> str:
    """A clip is named by its content's sha256; anything else in an edited file could be a path."""
    digest = str(text)
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise ValueError(f"not a clip: {digest[:80]!r}")
    return digest


def _row(voice: Voice) -> dict[str, object]:
    row: dict[str, object] = {
        "id": voice.id,
        "name": voice.name,
        "kind": voice.kind,
        "languages": list(voice.languages),
        "gender": voice.gender,
        "licence": voice.licence,
        "blend": dict(voice.blend),
        "clips": [Path(clip).stem for clip in voice.clips],
        "transcript": voice.transcript,
    }
    return {key: value for key, value in row.items() if value}


def _without_none(row: VoiceSettings) -> dict[str, object]:
    values = {"speed": row.speed, "rvc": row.rvc, "rvc_pitch": row.rvc_pitch}
    return {key: value for key, value in values.items() if value is not None}
