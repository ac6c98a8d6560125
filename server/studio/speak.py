"""Speak: a text, a voice, and the sound while it is being made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from server.engines.table import is_installed
from server.errors import InvalidRequest, SpeechError
from server.speech.recording import RecordingRequest
from server.speech.request import Delivery
from server.studio.choices import (
    FORMAT_NAMES,
    OWN_LANGUAGE,
    engine_choices,
    language_choices,
    narrator_choice,
    voice_choices,
)
from server.studio.widgets import SILENT, SPEAKS, Component, notice, on, on_topics, said, widget
from server.text.roles import CHARACTER, NARRATOR
from server.troupe import Troupe

_EXAMPLE = (
    'She looks up from the map. *The lantern flickers twice.* "There you are," she says. "I was beginning to '
    'think that the sea had kept you."'
)
_UNMARKED = [("the character", "character"), ("the narrator", "narrator")]
_MOST_FILE = 2_000_000


def build(troupe: Troupe, pulse: Component) -> None:
    """The tab's content."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=320):
            text = gr.Textbox(
                value=_EXAMPLE,
                label="Text",
                placeholder="What is to be said? A chat message, a page, a whole book.",
                lines=13,
                max_lines=20,
                elem_id="speak-text",
            )
            with gr.Row():
                speak = gr.Button(
                    "Speak", variant="primary", scale=3, min_width=140, elem_id="speak-button", elem_classes=SPEAKS
                )
                file = gr.UploadButton(
                    "Open a file", file_types=[".txt", ".md"], scale=1, min_width=140, elem_id="speak-file"
                )
            problem = notice("speak-notice")
        with gr.Column(scale=2, min_width=300):
            voice = gr.Dropdown([], label="Voice", allow_custom_value=True, elem_id="speak-voice")
            two = gr.Checkbox(
                label="Two voices", info="A narrator reads what stands between asterisks.", elem_id="speak-two"
            )
            narrator = gr.Dropdown(
                [], label="Narrator", allow_custom_value=True, visible=False, elem_id="speak-narrator"
            )
            unmarked = gr.Radio(
                _UNMARKED, value="character", label="Text without any marks is read by", visible=False
            )
            engine = gr.Dropdown(engine_choices(troupe), label="Engine", elem_id="speak-engine")
            with gr.Row():
                language = gr.Dropdown([], label="Language", min_width=220, elem_id="speak-language")
                format_name = gr.Dropdown(
                    FORMAT_NAMES, value="mp3", label="Format to save", min_width=110, elem_id="speak-format"
                )
            speed = gr.Slider(0.25, 4.0, value=1.0, step=0.05, label="Speed", elem_id="speak-speed")
    player = widget("player", elem_id="speak-player")

    def start_request(*values: Any) -> RecordingRequest:
        words, chosen, both, other, reader, tag, kind, pace = values
        if not chosen:
            raise InvalidRequest("There is no voice to speak with yet.", param="voice")
        cast = {CHARACTER: Delivery(voice=str(chosen), speed=float(pace))}
        if both:
            told = Delivery(voice=str(other or chosen), speed=float(pace), rvc_role="narrator")
            cast[NARRATOR] = told
        return RecordingRequest(
            text=str(words),
            cast=cast,
            unmarked="narrator" if reader == "narrator" else "character",
            language=None if tag in (None, OWN_LANGUAGE) else str(tag),
            format=str(kind),
        )

    async def start(*values: Any) -> Any:
        recording = troupe.recordings.start(start_request(*values))
        return SILENT, recording.to_json()

    async def switch(name: str) -> Any:
        registry = troupe.registry
        about = registry.capabilities(name)
        if not is_installed(about):
            text = f"{about.title} is not installed. Install it on its page, under TTS Engine Settings."
            return said(text, "bad"), shown_engine()
        try:
            await registry.load(name)
        except SpeechError as error:
            return said(error.message, "bad"), shown_engine()
        return said(f"{about.title} speaks now."), shown_engine()

    def shown_engine() -> Any:
        """The one that speaks, whatever was wished for."""
        return gr.update(choices=engine_choices(troupe), value=troupe.registry.current or None)

    def refresh(held: str | None, told: str | None, tag: str | None) -> Any:
        voices, tags = voice_choices(troupe), language_choices(troupe)
        known = {value for _, value in voices}
        speaker = held if held in known else voices[0][1] if voices else None
        narrates = told if told in known else narrator_choice(troupe, speaker)
        return (
            gr.update(choices=voices, value=speaker),
            gr.update(choices=voices, value=narrates),
            gr.update(choices=tags, value=tag if tag in {value for _, value in tags} else OWN_LANGUAGE),
            shown_engine(),
        )

    on(speak.click, start, [text, voice, two, narrator, unmarked, language, format_name, speed], [problem, player])
    on(two.change, lambda both: (gr.update(visible=both), gr.update(visible=both)), [two], [narrator, unmarked])
    on(file.upload, _read_text, [file], [problem, text])
    on(engine.input, switch, [engine], [problem, engine], slow=True)
    held = [voice, narrator, language]
    on_topics(pulse, ["voices", "engine", "install"], refresh, [*held, engine], held)


def _read_text(path: str | None) -> Any:
    """A text file's content; the copy that was uploaded is not kept."""
    if path is None:
        return SILENT, gr.skip()
    file = Path(path)
    try:
        data = file.read_bytes()
    finally:
        file.unlink(missing_ok=True)
    if len(data) > _MOST_FILE or b"\0" in data[:4096]:
        raise InvalidRequest("That is not a text file, or one of more than 2 MB.", param="text")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return SILENT, data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise InvalidRequest("The file is neither UTF-8 nor Windows-1252 text.", param="text")
