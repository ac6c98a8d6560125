"""What can be chosen, as people read it: voices, languages, formats, and why there is nothing to choose from."""

from __future__ import annotations

from collections.abc import Sequence

from server.audio.formats import FORMATS
from server.troupe import Troupe
from server.voices.names import OPENAI_NAMES
from server.voices.voice import Voice

FORMAT_NAMES = tuple(FORMATS)
OWN_LANGUAGE = ""
"""Stands for the voice's own language."""


def label(voice: Voice) -> str:
    """``Heart (af_heart), en-us, female``."""
    name = voice.name if voice.name.casefold() == voice.id.casefold() else f"{voice.name} ({voice.id})"
    about = [voice.languages[0] if len(voice.languages) == 1 else "", voice.gender]
    return ", ".join([name, *(part for part in about if part), *([voice.kind] if voice.kind != "builtin" else [])])


def voice_choices(troupe: Troupe) -> list[tuple[str, str]]:
    """Voices of the current engine, the user's first, OpenAI's names last."""
    voices = spoken(troupe)
    own = [voice for voice in voices if voice.kind != "builtin"]
    choices = [(label(voice), voice.id) for voice in [*own, *(v for v in voices if v.kind == "builtin")]]
    return choices + [(f"{name} (OpenAI name)", name) for name in OPENAI_NAMES if choices]


def language_choices(troupe: Troupe) -> list[tuple[str, str]]:
    """Languages of the current engine."""
    fixed = [("The voice's own", OWN_LANGUAGE), ("Guess from the text", "auto")]
    return fixed + [(tag, tag) for tag in (troupe.registry.capabilities().languages if troupe.registry.current else ())]


def engine_choices(troupe: Troupe) -> list[tuple[str, str]]:
    """Every engine by its title."""
    return [(troupe.registry.capabilities(name).title, name) for name in troupe.registry.names()]


def spoken(troupe: Troupe) -> Sequence[Voice]:
    """Voices that can speak now; none while the engine has not been loaded."""
    return troupe.casting.voices() if troupe.registry.voices() else ()


def why_no_voices(troupe: Troupe) -> str:
    """Why there is nothing to choose from; empty where there is."""
    registry = troupe.registry
    if registry.voices():
        return ""
    if registry.state == "degraded":
        return f"No voices: {registry.detail}"
    return "The engine is still loading; its voices appear here in a moment."
