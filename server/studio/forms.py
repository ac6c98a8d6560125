"""Settings and options as the form widget shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from server.engines.base import Option
from server.settings import where
from server.settings_tree import SettingField
from server.troupe import Troupe

Row = dict[str, Any]

_SPELT = (
    *(("Urls", "URLs"), ("Html", "HTML"), ("Openai", "OpenAI")),
    *((" mb", " MB"), (" gb", " GB"), ("Wav", "WAV")),
)
TITLES = {
    "server.host": "Address",
    "server.listen": "Listen on the network",
    "server.no_key": "Ask nobody for a key",
    "server.require_key": "Ask programs on this machine for the key",
    "server.open_network": "Open to everybody on the network",
    "server.queue": "Waiting requests",
    "server.drain_seconds": "Time to finish",
    "engine.name": "Engine at the start",
    "engine.beside": "Engines beside it",
    "engine.idle_unload_minutes": "Unload when idle",
    "openai.max_input": "Longest input",
    "narration.unmarked": "Text without marks",
    "narration.ahead": "Sound made ahead",
    "narration.idle_seconds": "End when idle",
    "audio.keep_hours": "Longest time kept",
    "audio.keep_mb": "Most space taken",
    "rvc.enabled": "Convert voices",
    "rvc.device": "Device",
    "rvc.memory_gb": "Memory ceiling",
    "rvc.character": "Default character voice",
    "rvc.narrator": "Default narrator voice",
    "rvc.character_pitch": "Pitch of the character",
    "rvc.narrator_pitch": "Pitch of the narrator",
    "rvc.index_rate": "Index rate",
    "rvc.protect": "Protection",
    "rvc.f0_method": "Pitch tracker",
}
"""Where the key alone would not say to everybody what is meant."""


def setting_row(troupe: Troupe, field: SettingField, *, choices: Sequence[str] = (), problem: str = "") -> Row:
    """One setting; ``choices`` where the tree itself cannot know them."""
    settings = troupe.settings.now
    source: str = where(settings, field.key)
    value = _value(settings, field.key)
    accepted: Sequence[str] = choices or field.choices
    return {
        "key": field.key,
        "label": TITLES.get(field.key) or _name(field.key),
        "description": field.description,
        "kind": field.kind,
        "value": list(value) if isinstance(value, tuple) else value,
        "default_text": _text(field.default),
        "unit": field.unit,
        "choices": list(accepted),
        "low": field.low,
        "high": field.high,
        "source": source,
        "changed": source != "shipped",
        "waits": field.restart and value != _value(troupe.started_with, field.key),
        "problem": problem,
    }


def option_row(option: Option, held: Mapping[str, Any], source: str, problem: str = "") -> Row:
    """One option of an engine."""
    return {
        "key": option.name,
        "label": option.title,
        "description": "In force when the engine is loaded again" if option.reload else "",
        "kind": "text" if option.kind == "choice" else option.kind,
        "value": held.get(option.name, option.default),
        "default_text": _text(option.default),
        "unit": "",
        "choices": list(option.choices),
        "low": option.low,
        "high": option.high,
        "source": source,
        "changed": option.name in held,
        "waits": False,
        "problem": problem,
    }


def form(sections: Iterable[tuple[str, list[Row]]], *, search: bool = False) -> dict[str, Any]:
    """The widget's value."""
    made: list[dict[str, Any]] = [{"title": title, "fields": fields} for title, fields in sections]
    waits = any(row["waits"] for section in made for row in section["fields"])
    return {"sections": made, "search": search, "restart": waits}


def _value(settings: object, key: str) -> Any:
    for name in key.split("."):
        settings = getattr(settings, name)
    return settings


def _name(key: str) -> str:
    """``openai.max_input`` as people read it: ``Max input``."""
    words = key.rpartition(".")[2].replace("_", " ").capitalize()
    for plain, right in _SPELT:
        words = words.replace(plain, right)
    return words


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)
