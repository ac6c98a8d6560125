"""Voice conversion: RVC behind the engine, its global switch, voices and a test."""

from __future__ import annotations

from typing import Any

import gradio as gr

from server.conversion.rvc.installed import rvc_is_installed
from server.conversion.rvc.settings import DISABLED
from server.errors import InvalidRequest
from server.settings_tree import setting_fields
from server.speech.recording import RecordingRequest
from server.speech.request import Delivery
from server.studio.choices import voice_choices
from server.studio.forms import form, setting_row
from server.studio.settings import act_on_setting
from server.studio.widgets import SILENT, SPEAKS, Act, Component, notice, on, on_act, on_topics, said, widget
from server.text.roles import CHARACTER
from server.troupe import Troupe

LIST = "rvc"
"""The requirements list."""


def build(troupe: Troupe, pulse: Component) -> None:
    """The tab's content."""
    folder = troupe.converters.voices_folder
    gr.Markdown(
        "An RVC model gives what the engine has spoken another voice. Put models (a `.pth` file and, beside it, "
        f"its `.index`) into `{folder}`; they appear here at once."
    )
    _install(troupe, pulse)
    done = notice("rvc-notice")
    rows = widget("form", elem_id="rvc-form")
    models = gr.Markdown(elem_id="rvc-models")
    fields = {field.key: field for field in setting_fields() if field.key.startswith("rvc.")}

    def value(wrong: str = "", problem: str = "") -> dict[str, Any]:
        voices = troupe.converters.names()
        return form(
            [
                (
                    "",
                    [
                        setting_row(
                            troupe,
                            field,
                            choices=voices if field.key in ("rvc.character", "rvc.narrator") else (),
                            problem=problem if field.key == wrong else "",
                        )
                        for field in fields.values()
                    ],
                )
            ]
        )

    def act(wish: Act) -> Any:
        return act_on_setting(troupe, fields, wish, value)

    def found() -> str:
        names = troupe.converters.names()[1:]
        listed = "\n".join(f"- {name}" for name in names)
        return f"### Models\n{listed}" if names else "### Models\nThere is no model yet."

    on_act(rows, act, [], [done, rows])
    on_topics(pulse, ["settings", "rvc"], lambda: (value(), found()), [rows, models])
    _test(troupe, pulse)


def _install(troupe: Troupe, pulse: Component) -> None:
    """While RVC is missing, what to do about it; afterwards, whether it is being prepared."""
    installs = troupe.installs
    missing = notice("rvc-missing")
    button = gr.Button("Install RVC", elem_id="rvc-install", visible=False)
    hidden = gr.update(visible=False)

    def prepared() -> Any:
        rehearsal = troupe.rehearsal
        if rehearsal.problem:
            return said(f"Voice conversion could not be prepared: {rehearsal.problem}", "bad")
        if rehearsal.preparing:
            return said("Preparing voice conversion: its models are being loaded.", "info")
        return SILENT

    def state() -> Any:
        mine = installs.name == LIST
        if mine and installs.running:
            last = installs.lines[-1] if installs.lines else ""
            return said(f"RVC is being installed ({installs.fraction or 0:.0%}). {last}", "info"), hidden
        if rvc_is_installed():
            return prepared(), hidden
        if mine and installs.problem:
            return said(installs.problem, "bad"), gr.update(visible=True)
        text = "RVC is not installed: nothing can be converted yet."
        if not installs.possible:
            text += " This server runs in a Python of its own choice. Install there: "
            text += f"pip install torch -r server/requirements/{LIST}.txt"
        return said(text, "info"), gr.update(visible=installs.possible)

    def start() -> Any:
        installs.start(LIST)
        return state()

    on(button.click, start, [], [missing, button])
    on_topics(pulse, ["rvc", "install"], state, [missing, button])


def _test(troupe: Troupe, pulse: Component) -> None:
    gr.Markdown("### Test")
    with gr.Row():
        words = gr.Textbox("Hello! This is how I sound when I tell you a story.", label="Text", scale=3)
        voice = gr.Dropdown([], label="Voice", scale=2, min_width=200)
        model = gr.Dropdown([], label="RVC voice", scale=2, min_width=200, elem_id="rvc-test-model")
        pitch = gr.Slider(-24, 24, value=0, step=1, label="Pitch (semitones)", scale=2, min_width=200)
    speak = gr.Button("Speak with conversion", variant="primary", elem_id="rvc-test", elem_classes=SPEAKS)
    problem = notice("rvc-test-notice")
    player = widget("player", {"history": False}, elem_id="rvc-player")

    async def start(text: str, chosen: str | None, converted: str | None, semitones: float) -> Any:
        if not troupe.settings.now.rvc.enabled:
            raise InvalidRequest("Switch voice conversion on first (Convert voices, above).", param="rvc")
        delivery = Delivery(voice=chosen or "alloy", rvc=converted or DISABLED, rvc_pitch=semitones)
        return SILENT, troupe.recordings.start(RecordingRequest(text, {CHARACTER: delivery})).to_json()

    def refresh(held: str | None, converted: str | None) -> Any:
        voices = voice_choices(troupe)
        names = troupe.converters.names()
        known = held if held in {value for _, value in voices} else (voices[0][1] if voices else None)
        return (
            gr.update(choices=voices, value=known),
            gr.update(choices=names, value=converted if converted in names else names[-1]),
        )

    on(speak.click, start, [words, voice, model, pitch], [problem, player])
    on_topics(pulse, ["voices", "settings", "rvc"], refresh, [voice, model], [voice, model])
