"""OpenAI Voice Mappings: which voice of an engine speaks for each of OpenAI's names."""

from __future__ import annotations

from typing import Any

from server.errors import RevisionMismatch, SpeechError
from server.studio.choices import everybody, full_label, why_no_voices
from server.studio.widgets import SILENT, Act, Component, notice, on_act, on_topics, said, widget
from server.troupe import Troupe
from server.voices.names import CLASSIC_NAMES, OPENAI_NAMES


def build(troupe: Troupe, pulse: Component, engine: str) -> None:
    """The part of an engine's page."""
    table = widget("mappings", elem_id=f"mappings-{engine}")
    done = notice(f"mappings-notice-{engine}")

    def act(wish: Act) -> Any:
        changes = wish.get("changes")
        if wish.get("do") == "reset":
            changes = dict.fromkeys(OPENAI_NAMES)
        try:
            troupe.voice_map.put(
                troupe.casting.catalogue(), changes if isinstance(changes, dict) else {}, str(wish.get("revision"))
            )
        except RevisionMismatch:
            text = "Somebody changed the mappings at the same moment. Look at them, then save again."
            return said(text, "bad"), mapping_values(troupe, engine)
        return said("Saved. Every program hears it from its next request on."), mapping_values(troupe, engine)

    on_act(table, act, [], [done, table])
    on_topics(pulse, ["map", "voices", "engine"], lambda: mapping_values(troupe, engine), [table])
    on_topics(pulse, ["engine"], lambda: SILENT, [done])


def mapping_values(troupe: Troupe, engine: str) -> dict[str, Any]:
    """What the rows show."""
    registry = troupe.registry
    if registry.current != engine:
        title = registry.capabilities(engine).title
        return {"engine": engine, "problem": f"{title} is not the engine that speaks now. Load it to map its voices."}
    if problem := why_no_voices(troupe):
        return {"engine": engine, "problem": problem}
    catalogue = troupe.casting.catalogue()
    try:
        found = troupe.voice_map.get(catalogue)
    except SpeechError as error:
        return {"engine": engine, "problem": error.message}
    return {
        "engine": engine,
        "problem": "",
        "revision": found.revision,
        "voices": [{"id": name, "label": full_label(troupe, voice)} for name, voice in everybody(troupe)],
        "rows": [
            {
                "name": name,
                "set": entry.set,
                "voice": entry.voice,
                "default": troupe.voice_map.default(name, catalogue).id,
                "classic": name in CLASSIC_NAMES,
            }
            for name, entry in found.voices.items()
        ],
    }
