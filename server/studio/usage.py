"""Who uses a voice: OpenAI's names through the voice map, and characters that chat hosts have told of."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

from server.errors import SpeechError
from server.troupe import Troupe

_VOICE_FIELDS = ("voice", "narrator")


def names_by_voice(troupe: Troupe) -> Mapping[str, list[str]]:
    """OpenAI's names by what to ask for to hear the voice that speaks for them now."""
    found: dict[str, list[str]] = defaultdict(list)
    if troupe.registry.voices():
        try:
            entries = troupe.voice_map.get(troupe.casting.catalogue()).voices
        except SpeechError:
            return found  # a damaged file: the mappings themselves say so
        for name, entry in entries.items():
            if entry.voice:
                found[entry.voice].append(name)
    return found


def characters_by_voice(home: Path) -> Mapping[str, list[str]]:
    """Characters by voice, out of ``hosts/*.json``: the hosts' own files, which may hold anything."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted((home / "hosts").glob("*.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        for character, voice in _uses(content):
            if character not in found[voice]:
                found[voice].append(character)
    return found


def _uses(content: object) -> Iterator[tuple[str, str]]:
    characters = content.get("characters") if isinstance(content, dict) else None
    for name, chosen in characters.items() if isinstance(characters, dict) else ():
        for field in _VOICE_FIELDS:
            voice = chosen.get(field) if isinstance(chosen, dict) else None
            if isinstance(voice, str) and voice:
                yield str(name) or "instruct", voice
