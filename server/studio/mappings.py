"""OpenAI Voice Mappings: which voice of an engine speaks for each of OpenAI's names."""

from __future__ import annotations

from typing import Any

from server.errors import RevisionMismatch, SpeechError
from server.studio.choices import full_label, why_no_voices
from server.studio.widgets import SILENT, Act, Component, notice, on_act, on_topics, said, widget
from server.troupe import Troupe
from server.voices.names import CLASSIC_NAMES, OPENAI_NAMES


def build(troupe: Troupe, pulse: Component, engine: str) -> None:
    """The part of an engine's page."""
    table = widget("mappings", elem_id=f"mappings-{engine}")
    done = notice(f"mappings-notice-{engine}")

    def act(wish: Act) -> Any:
        if problem := why_no_voices(troupe, engine):
            return said(problem, "bad"), mapping_values(troupe, engine)
        asked = dict.fromkeys(OPENAI_NAMES) if wish.get("do") == "reset" else wish.get("changes")
        changes = asked if isinstance(asked, dict) else {}
        try:
            troupe.voice_map.put(troupe.casting.catalogue(engine), changes, str(wish.get("revision")))
        except RevisionMismatch:
            text = "Somebody changed the mappings at the same moment. Look at them, then save again."
            return said(text, "bad"), mapping_values(troupe, engine)
        if engine == troupe.registry.current:
            text = "Saved. Every program hears it from its next request on."
        else:
            text = f"Saved for when {troupe.registry.capabilities(engine).title} is the engine that speaks."
        return said(text), mapping_values(troupe, engine)

    on_act(table, act, [], [done, table])
    on_topics(pulse, ["map", "voices", "engine"], lambda: mapping_values(troupe, engine), [table])
    on_topics(pulse, ["engine"], lambda: SILENT, [done])


def mapping_values(troupe: Troupe, engine: str) -> dict[str, Any]:
    """What the rows show: the map of the current engine, or of one beside it for when it is the current one."""
    if problem := why_no_voices(troupe, engine):
        return {"engine": engine, "problem": problem}
    catalogue = troupe.casting.catalogue(engine)
    try:
        found = troupe.voice_map.get(catalogue)
    except SpeechError as error:
        return {"engine": engine, "problem": error.message}

    def asked(name: str) -> str:
        """What to ask for now to hear what the name will mean then."""
        return troupe.casting.called(catalogue.resolve(name))

    defaults = {name: troupe.voice_map.default(name, catalogue).id for name in found.voices}
    return {
        "engine": engine,
        "problem": "",
        "note": _note(troupe, engine),
        "revision": found.revision,
        "voices": [
            {"id": name, "label": full_label(troupe, voice, engine), "ask": troupe.casting.called(voice)}
            for name, voice in troupe.casting.choices(engine)
        ],
        "rows": [
            {
                "name": name,
                "set": entry.set,
                "voice": entry.voice,
                "ask": asked(entry.voice) if entry.voice else "",
                "default": defaults[name],
                "default_ask": asked(defaults[name]),
                "classic": name in CLASSIC_NAMES,
            }
            for name, entry in found.voices.items()
        ],
    }


def _note(troupe: Troupe, engine: str) -> str:
    """What must be known of a map that is not the one in force."""
    registry = troupe.registry
    if engine == registry.current:
        return ""
    now, title = registry.capabilities().title, registry.capabilities(engine).title
    return (
        f"{now} is the engine that speaks now, and its mappings are in force. These are for when {title} is. "
        f"On the page of {now} a name can be given to a voice of {title}, too."
    )
