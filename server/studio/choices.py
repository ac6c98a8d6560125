"""What can be chosen, as people read it: voices, languages, formats, and why there is nothing to choose from."""

from __future__ import annotations

from collections.abc import Sequence

from server.audio.formats import FORMATS
from server.engines.table import is_installed
from server.studio.languages import language_name
from server.troupe import Troupe
from server.voices.names import OPENAI_NAMES
from server.voices.voice import Voice

FORMAT_NAMES = tuple(FORMATS)
OWN_LANGUAGE = ""
"""Stands for the voice's own language."""
EVERY_LANGUAGE = ""
"""Stands for all languages of an engine."""


def label(voice: Voice) -> str:
    """``Heart (af_heart), American English, female``."""
    name = voice.name if voice.name.casefold() == voice.id.casefold() else f"{voice.name} ({voice.id})"
    about = [language_name(voice.languages[0]) if len(voice.languages) == 1 else "", voice.gender]
    return ", ".join([name, *(part for part in about if part), *([voice.kind] if voice.kind != "builtin" else [])])


def voice_choices(troupe: Troupe) -> list[tuple[str, str]]:
    """Voices of the current engine, the user's first, then OpenAI's names and the voices of engines beside it."""
    current, voices = troupe.registry.current, everybody(troupe)
    own = [(name, voice) for name, voice in voices if voice.engine == current]
    choices = [(label(voice), name) for name, voice in sorted(own, key=lambda entry: entry[1].kind == "builtin")]
    choices += [(f"{name} (OpenAI name)", name) for name in OPENAI_NAMES if choices]
    return choices + [(full_label(troupe, voice), name) for name, voice in voices if voice.engine != current]


def narrator_choice(troupe: Troupe, character: str | None) -> str | None:
    """Who narrates beside that voice unless somebody else is chosen: one that can be told from it."""
    voices = dict(everybody(troupe))
    speaker = voices.get(character or "")
    others = [name for name in voices if name != character]
    apart = [name for name in others if speaker and voices[name].gender != speaker.gender]
    return next(iter([*apart, *others]), character)


def language_choices(troupe: Troupe) -> list[tuple[str, str]]:
    """Which language a text can be spoken in."""
    fixed = [("The voice's own", OWN_LANGUAGE), ("Guess from the text", "auto")]
    return fixed + [(language_name(tag), tag) for tag in languages(troupe)]


def languages(troupe: Troupe) -> list[str]:
    """Languages of the current engine, then those that only engines beside it speak."""
    registry = troupe.registry
    engines = [registry.current, *registry.beside] if registry.current else []
    return [*dict.fromkeys(tag for engine in engines for tag in registry.capabilities(engine).languages)]


def clone_languages(troupe: Troupe, engine: str | None) -> list[tuple[str, str]]:
    """Languages that a voice cloned for that engine can be kept to."""
    tags = troupe.registry.capabilities(engine).languages if engine else ()
    return [("All that the engine speaks", EVERY_LANGUAGE), *((language_name(tag), tag) for tag in tags)]


def engine_choices(troupe: Troupe) -> list[tuple[str, str]]:
    """Every engine by its title, with what is missing of it."""
    each = [(name, troupe.registry.capabilities(name)) for name in troupe.registry.names()]
    return [(about.title if is_installed(about) else f"{about.title} (not installed)", name) for name, about in each]


def spoken(troupe: Troupe) -> Sequence[Voice]:
    """Voices that can speak now; none while the engine has not been loaded."""
    return troupe.casting.voices() if troupe.registry.voices() else ()


def everybody(troupe: Troupe) -> Sequence[tuple[str, Voice]]:
    """The same and those of engines beside the current one, each with what to ask for."""
    return troupe.casting.choices() if troupe.registry.voices() else ()


def full_label(troupe: Troupe, voice: Voice, engine: str = "") -> str:
    """``label``, with the voice's engine where it is another than ``engine``, the current one by default."""
    about = label(voice)
    same = voice.engine == (engine or troupe.registry.current)
    return about if same else f"{about} – {troupe.registry.capabilities(voice.engine).title}"


def why_no_voices(troupe: Troupe, engine: str = "") -> str:
    """Why there is nothing to choose from, with the current engine or with ``engine``; empty where there is."""
    registry = troupe.registry
    name = engine or registry.current
    slot = registry.slot(name)
    if name not in (registry.current, *registry.beside) and not (slot and slot.state == "loading"):
        return f"{registry.capabilities(name).title} is not loaded. Load it to see its voices."
    if registry.voices(name):
        return ""
    if name == registry.current:
        state, detail = registry.state, registry.detail
    else:
        state, detail = (slot.state, slot.detail) if slot else ("unloaded", "")
    if state == "degraded":
        return f"No voices: {detail}"
    return "The engine is still loading; its voices appear here in a moment."
