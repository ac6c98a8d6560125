"""Voices: every voice as a card, blends, clones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from server.conversion.rvc.settings import DISABLED
from server.errors import InvalidRequest
from server.speech.voices import NewClone
from server.studio.choices import EVERY_LANGUAGE, clone_languages, everybody, label, spoken, why_no_voices
from server.studio.usage import characters_by_voice, names_by_voice
from server.studio.widgets import SILENT, Act, Component, notice, on, on_act, on_topics, said, widget
from server.troupe import Troupe
from server.voices.voice import Gender

_GENDERS: dict[str, Gender] = {"Neutral": "neutral", "Female": "female", "Male": "male"}
_MICROPHONE = (
    "A clip of 6 to 30 seconds of one person, without music, is best. It is trimmed and brought to an even level. "
    "The microphone works on this machine (localhost) or over https; browsers allow it nowhere else."
)


def build(troupe: Troupe, pulse: Component) -> None:
    """The tab's content."""
    with gr.Tabs():
        with gr.Tab("All voices", id="voices-all"):
            _cards(troupe, pulse)
        with gr.Tab("Blend", id="voices-blend"):
            _blend(troupe, pulse)
        with gr.Tab("Clone", id="voices-clone"):
            _clone(troupe, pulse)


def _cards(troupe: Troupe, pulse: Component) -> None:
    done = notice("voices-notice")
    cards = widget("cards", elem_id="voices-cards")

    def act(wish: Act) -> Any:
        asked = str(wish.get("id"))
        engine, voice = troupe.casting.place(asked)
        match wish.get("do"):
            case "rename":
                renamed = troupe.library.rename(engine, voice, str(wish.get("name")))
                text = f"The voice is called {renamed.name} now."
            case "delete":
                troupe.library.delete(engine, voice)
                text = f"{voice} was deleted. It can be brought back below for a week."
            case "rvc":
                text = _set_conversion(troupe, asked, str(wish.get("rvc") or ""))
            case _:
                troupe.library.restore(engine, voice)
                text = f"{voice} is back."
        return said(text), card_values(troupe)

    on_act(cards, act, [], [done, cards])
    on_topics(pulse, ["voices", "engine", "map", "rvc", "settings"], lambda: card_values(troupe), [cards])


def _set_conversion(troupe: Troupe, voice_id: str, rvc: str) -> str:
    """Whom a voice is converted to where a request does not say; returns what was done. Empty is the global setting."""
    if rvc and rvc not in troupe.rvc_voices():
        raise InvalidRequest(f"There is no RVC voice {rvc!r}, or RVC is off.", param="rvc")
    voice = troupe.casting.catalogue().resolve(voice_id, param="id")
    before = troupe.library.settings(voice.engine, voice.id)
    troupe.library.set_settings(voice.engine, voice.id, replace(before, rvc=rvc or None))
    if not rvc:
        return f"{voice.name} is converted as set for all voices."
    return f"{voice.name} is not converted." if rvc == DISABLED else f"{voice.name} is converted to {rvc}."


def card_values(troupe: Troupe) -> dict[str, Any]:
    """What the cards show."""
    registry, library = troupe.registry, troupe.library
    names, characters = names_by_voice(troupe), characters_by_voice(troupe.settings.now.home)
    loaded = [name for name in (registry.current, *registry.beside) if registry.voices(name)]
    return {
        "engines": [{"name": name, "title": registry.capabilities(name).title} for name in loaded],
        "problem": why_no_voices(troupe),
        "rvc": choices if len(choices := troupe.rvc_voices()) > 1 else [],
        "voices": [
            {
                "id": name,
                "engine": voice.engine,
                "name": voice.name,
                "languages": list(voice.languages),
                "gender": voice.gender,
                "licence": voice.licence,
                "kind": voice.kind,
                "openai": names.get(name, []),
                "characters": characters.get(name, []),
                "rvc": library.settings(voice.engine, voice.id).rvc or "",
            }
            for name, voice in everybody(troupe)
        ],
        "deleted": [
            {"id": troupe.casting.called(voice), "name": troupe.label(voice)}
            for name in loaded
            for voice in library.deleted(name)
        ],
    }


def _blend(troupe: Troupe, pulse: Component) -> None:
    gr.Markdown("Mix voices of the engine and keep the mixture under a name of its own.")
    mixer = widget("blend", elem_id="voices-mixer")
    done = notice("blend-notice")

    def value() -> dict[str, Any]:
        problem = why_no_voices(troupe)
        if not problem and not troupe.registry.capabilities().blends:
            able = [c.title for c in map(troupe.registry.capabilities, troupe.registry.names()) if c.blends]
            problem = f"{troupe.registry.capabilities().title} cannot blend voices. {', '.join(able)} can."
        voices = [v for v in spoken(troupe) if v.kind != "clone"]
        return {"problem": problem, "voices": [{"id": v.id, "label": label(v)} for v in voices]}

    def save(wish: Act) -> Any:
        voice = troupe.voice_maker.blend(str(wish.get("name") or ""), str(wish.get("recipe") or ""))
        return said(f"{voice.name} is among the voices now.")

    on_act(mixer, save, [], [done])
    on_topics(pulse, ["voices", "engine"], value, [mixer])


def _clone(troupe: Troupe, pulse: Component) -> None:
    able = notice("clone-able")
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            clip = gr.Audio(
                label="Clip", sources=["upload", "microphone"], type="filepath", elem_id="clone-clip", format="wav"
            )
            gr.Markdown(_MICROPHONE)
        with gr.Column(scale=2, min_width=300):
            name = gr.Textbox(label="Name", max_length=80, elem_id="clone-name")
            gender = gr.Radio(list(_GENDERS), value="Neutral", label="Gender")
            language = gr.Dropdown([], label="Language", elem_id="clone-language")
            transcript = gr.Textbox(
                label="Words said in the clip", max_length=1000, lines=2, elem_id="clone-transcript"
            )
            consent = gr.Checkbox(
                label="The person who speaks in the clip agrees to be cloned.", elem_id="clone-consent"
            )
            make = gr.Button("Clone the voice", variant="primary", elem_id="clone-button")
    done = notice("clone-notice")

    async def clone(path: str | None, called: str, kind: str, tag: str | None, words: str | None, agreed: bool) -> Any:
        if not path:
            raise InvalidRequest("Upload a clip first, or record one.", param="clip")
        wish = NewClone(
            name=called,
            clips=[Path(path).read_bytes()],
            consent=agreed,
            languages=(tag,) if tag else (),
            gender=_GENDERS[kind],
            transcript=(words or "").strip() or None,
        )
        voice, warnings = await troupe.voice_maker.clone(wish)
        Path(path).unlink(missing_ok=True)  # a recording of somebody: only the cleaned clip is kept
        return said(" ".join([f"{voice.name} is among the voices now.", *warnings])), None, ""

    def refresh() -> Any:
        registry = troupe.registry
        engine = troupe.voice_maker.cloner() if registry.current else None
        capabilities = registry.capabilities(engine) if engine else None
        others = [c.title for c in map(registry.capabilities, registry.names()) if c.clones]
        text = "" if engine == registry.current else "The engine that speaks now cannot clone voices. "
        if capabilities is None:
            text += f"These can: {', '.join(others)}."
        elif text:
            text += f"{capabilities.title}, which is loaded beside it, clones them."
        wants_words = capabilities is not None and capabilities.needs_transcript
        tags = clone_languages(troupe, engine)
        return (
            said(text, "info") if text else SILENT,
            gr.update(visible=wants_words),
            gr.update(choices=tags, value=EVERY_LANGUAGE),
            gr.update(interactive=capabilities is not None),
        )

    on(make.click, clone, [clip, name, gender, language, transcript, consent], [done, clip, name], slow=True)
    # Not ``change``: that comes too when a voice was made and its clip is taken away, and would wipe the good news.
    on(clip.input, lambda: SILENT, [], [done])
    on_topics(pulse, ["engine"], refresh, [able, transcript, language, make])
