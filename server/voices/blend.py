"""Blends: several voices of one engine mixed by weight, written ``af_heart(2)+am_onyx(1)``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from server.errors import InvalidRequest
from server.voices.voice import Voice

MOST_PARTS = 8
MOST_WEIGHT = 1000.0

_WEIGHTED = re.compile(r"(?P<name>.+?)\s*\(\s*(?P<weight>\d+(?:\.\d+)?|\.\d+)\s*\)")


def looks_like_blend(text: str) -> bool:
    """True where ``text`` is written as a blend; ``af_heart(2)`` alone is one too."""
    return "+" in text or _WEIGHTED.fullmatch(text.strip()) is not None


def parse_blend(text: str, find: Callable[[str], Voice | None]) -> list[tuple[Voice, float]]:
    """The voices and weights as written; a part is tried as a name before its brackets count as a weight."""
    parts: list[tuple[Voice, float]] = []
    for part in text.split("+"):
        name, weight = part.strip(), 1.0
        voice = find(name)
        if voice is None and (match := _WEIGHTED.fullmatch(name)):
            name, weight = match["name"], float(match["weight"])
            voice = find(name)
        if voice is None:
            raise InvalidRequest(f"{name!r} is not a voice that can be blended.", param="voice")
        if not 0 < weight <= MOST_WEIGHT:
            raise InvalidRequest(f"The weight of {name!r} must be above 0 and at most 1000.", param="voice")
        parts.append((voice, weight))
    if len(parts) > MOST_PARTS:
        raise InvalidRequest(f"A blend mixes at most {MOST_PARTS} voices, not {len(parts)}.", param="voice")
    return parts


def format_blend(parts: Sequence[tuple[str, float]]) -> str:
    """Voice ids and weights as a blend is written: ``af_heart(2)+am_onyx(1)``."""
    return "+".join(f"{name}({weight:g})" for name, weight in parts)


def blend_voice(parts: Sequence[tuple[Voice, float]]) -> Voice:
    """The blend as a voice: blends among the parts are dissolved, equal voices added up, weights sum to 1."""
    first = parts[0][0]
    weights: dict[str, float] = {}
    for voice, weight in parts:
        if voice.kind == "clone":
            raise InvalidRequest(
                f"{voice.id!r} is a cloned voice; only an engine's own voices blend.", param="voice"
            )
        for name, share in voice.blend or ((voice.id, 1.0),):
            weights[name] = weights.get(name, 0.0) + weight * share
    if len(parts) == 1:
        return first
    total = sum(weights.values())
    text = format_blend([(voice.id, weight) for voice, weight in parts])
    heaviest_first = [voice for voice, _ in sorted(parts, key=lambda part: -part[1])]
    genders = {voice.gender for voice in heaviest_first}
    return Voice(
        id=text,
        engine=first.engine,
        name=" + ".join(dict.fromkeys(voice.name for voice, _ in parts)),
        languages=tuple(dict.fromkeys(tag for voice in heaviest_first for tag in voice.languages)),
        gender=genders.pop() if len(genders) == 1 else "neutral",
        licence=" AND ".join(sorted({voice.licence for voice in heaviest_first})),
        kind="blend",
        blend=tuple((name, weight / total) for name, weight in weights.items()),
    )
