"""The settings block below the chat: what it looks like. What its parts do is in ``events.py``.

Loaded only when the host builds its page, so Gradio, the host's own, may be imported at the top.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import gradio as gr

from ..launcher import Status
from .choices import INSTRUCT, Character, General
from .runtime import Runtime, name_of
from .voices import Options, VoiceList, shown

SKIP = [
    ("Actions", "actions"),
    ("Speech", "speech"),
    ("Thinking", "reasoning"),
    ("Code", "code"),
    ("Links", "urls"),
    ("Emoji", "emoji"),
]
UNMARKED = [("The character", "character"), ("The narrator", "narrator"), ("Nobody", "silent")]
NOBODY, SAME, AS_SET = "Default voice", "Same as the character", "As set for the voice"
"""What a list calls no choice."""
LIVE, COMPLETE = "While the reply is typed", "When it is complete"


@dataclass
class Parts:
    """The block's components, by what they are for."""

    status: Any
    start: Any
    stop: Any
    on: Any
    when: Any
    greeting: Any
    player: Any
    volume: Any
    heading: Any
    voice: Any
    narrator: Any
    hear: Any
    unmarked: Any
    skip: Any
    speed: Any
    rvc: Any
    rvc_narrator: Any
    forget: Any
    one: Any
    other: Any
    share: Any
    hear_blend: Any
    use_blend: Any
    address: Any
    key: Any
    connect: Any
    relay: Any
    answer: Any
    page: Any
    look: Any
    redrawn: Any
    ask: Any
    ask_go: Any
    say: Any
    say_go: Any

    def of_character(self) -> list[Any]:
        """Those whose values change with the character."""
        return [
            self.heading, self.voice, self.narrator, self.rvc, self.rvc_narrator, self.unmarked, self.skip,
            self.speed,
        ]  # fmt: skip


def build(runtime: Runtime, voices: VoiceList) -> Parts:
    """Put the block into the page that is being built."""
    general = runtime.choices.general()
    character = runtime.character(INSTRUCT)
    parts: dict[str, Any] = {}
    with gr.Accordion("Troupe: voices for your characters", open=True, elem_id="troupe"):
        with gr.Row(elem_classes="troupe-top"):
            parts["status"] = gr.HTML(status_html(runtime.launcher.status), elem_id="troupe-status")
            parts["start"] = gr.Button("Try again", size="sm", visible=False, elem_classes="troupe-small")
            parts["stop"] = gr.Button("Stop speaking", size="sm", elem_id="troupe-stop", elem_classes="troupe-small")
        parts |= _general(general)
        parts |= _character(character, voices)
        parts |= _blend(voices)
        parts |= _server(general)
        parts |= _hidden()
    return Parts(**parts)


def _general(general: General) -> dict[str, Any]:
    with gr.Row():
        on = gr.Checkbox(general.on, label="Speak replies", elem_id="troupe-on")
        greeting = gr.Checkbox(general.greeting, label="Speak greetings")
        player = gr.Checkbox(general.player, label="Show players in the chat")
    with gr.Row():
        when = gr.Radio(
            [LIVE, COMPLETE],
            value=LIVE if general.live else COMPLETE,
            label="When to speak",
            elem_id="troupe-when",
            min_width=260,
        )
        volume = gr.Slider(0, 100, value=round(100 * general.volume), step=1, label="Volume (%)", min_width=260)
    return {"on": on, "greeting": greeting, "player": player, "when": when, "volume": volume}


def _character(character: Character, voices: VoiceList) -> dict[str, Any]:
    heading = gr.Markdown(heading_of(INSTRUCT), elem_id="troupe-character")
    with gr.Row():
        voice = gr.Dropdown(
            voices.options(NOBODY, character.voice),
            value=shown(character.voice),
            label="Character's voice",
            info="Or type a blend: af_heart(2)+af_sky(1)",
            allow_custom_value=True,
            min_width=260,
            elem_id="troupe-voice",
        )
        narrator = gr.Dropdown(
            voices.options(SAME, character.narrator),
            value=shown(character.narrator),
            label="Narrator's voice",
            info="For *actions* and descriptions",
            allow_custom_value=True,
            min_width=260,
            elem_id="troupe-narrator",
        )
        hear = gr.Button("Hear them", elem_id="troupe-hear", elem_classes="troupe-beside", scale=0)
    with gr.Row(elem_classes="troupe-rvc"):
        rvc, rvc_narrator = (
            gr.Dropdown(
                choices,
                value=shown(choice),
                label=label,
                visible=voices.has_rvc,
                min_width=260,
                elem_id=elem_id,
            )
            for choices, choice, label, elem_id in (
                (_rvc_of_character(character, voices), character.rvc, "Character converted by RVC to", "troupe-rvc"),
                (
                    rvc_of_narrator(character, voices),
                    character.rvc_narrator,
                    "Narrator converted by RVC to",
                    "troupe-rvc-narrator",
                ),
            )
        )
    with gr.Row():
        unmarked = gr.Radio(
            UNMARKED,
            value=character.unmarked,
            label='Text without "quotes" or *asterisks* is for',
            min_width=260,
        )
        skip = gr.CheckboxGroup(SKIP, value=list(character.skip), label="Do not speak", min_width=260)
    with gr.Row():
        speed = gr.Slider(0.5, 2.0, value=character.speed, step=0.05, label="Speed", min_width=260)
        forget = gr.Button("Back to defaults", size="sm", elem_classes="troupe-small troupe-beside", scale=0)
    return {
        "heading": heading,
        "voice": voice,
        "narrator": narrator,
        "hear": hear,
        "unmarked": unmarked,
        "skip": skip,
        "speed": speed,
        "rvc": rvc,
        "rvc_narrator": rvc_narrator,
        "forget": forget,
    }


def _blend(voices: VoiceList) -> dict[str, Any]:
    with gr.Accordion("Mix two voices", open=False, elem_classes="troupe-inner"):
        with gr.Row():
            one = gr.Dropdown(voices.own(), label="First voice")
            other = gr.Dropdown(voices.own(), label="Second voice")
            share = gr.Slider(0, 100, value=50, step=5, label="Share of the second voice (%)")
        with gr.Row():
            hear_blend = gr.Button("Hear the mix", size="sm")
            use_blend = gr.Button("Give it to the character", size="sm")
    return {"one": one, "other": other, "share": share, "hear_blend": hear_blend, "use_blend": use_blend}


def _server(general: General) -> dict[str, Any]:
    with gr.Accordion("Server", open=False, elem_classes="troupe-inner"):
        gr.Markdown(
            "Leave the address empty to use the server of this machine; it is started when it is needed. "
            "For a server elsewhere give its address and, if it wants one, its key."
        )
        with gr.Row():
            address = gr.Textbox(general.address, label="Address", placeholder="http://192.168.1.20:7851", max_lines=1)
            # The key itself is never sent to a page; a dot pattern says that there is one.
            key = gr.Textbox("", label="Key", type="password", max_lines=1, placeholder=key_hint(general.key))
            connect = gr.Button("Connect", elem_classes="troupe-beside", scale=0)
    return {"address": address, "key": key, "connect": connect}


def _hidden() -> dict[str, Any]:
    """Between the page's script and us; the host renders invisible components, too."""
    quiet = getattr(gr, "Headless", None) or (lambda: gr.JSON(visible=False))
    with gr.Row(visible=False):
        ask = gr.Textbox(elem_id="troupe-ask")
        ask_go = gr.Button(elem_id="troupe-ask-go")
        say = gr.Textbox(elem_id="troupe-say")
        say_go = gr.Button(elem_id="troupe-say-go")
        look = gr.Button(elem_id="troupe-look")
    return {
        "relay": quiet(), "answer": quiet(), "page": quiet(), "redrawn": quiet(),
        "ask": ask, "ask_go": ask_go, "say": say, "say_go": say_go, "look": look,
    }  # fmt: skip


def of_character(runtime: Runtime, voices: VoiceList, who: str) -> list[Any]:
    """Updates for ``Parts.of_character``."""
    character = runtime.character(who)
    return [
        heading_of(who, _elsewhere(runtime, who, character)),
        gr.update(choices=voices.options(NOBODY, character.voice), value=shown(character.voice)),
        gr.update(choices=voices.options(SAME, character.narrator), value=shown(character.narrator)),
        gr.update(choices=_rvc_of_character(character, voices), value=shown(character.rvc), visible=voices.has_rvc),
        gr.update(
            choices=rvc_of_narrator(character, voices),
            value=shown(character.rvc_narrator),
            visible=voices.has_rvc,
        ),
        character.unmarked,
        list(character.skip),
        character.speed,
    ]


def _rvc_of_character(character: Character, voices: VoiceList) -> Options:
    return voices.rvc(AS_SET, character.rvc)


def rvc_of_narrator(character: Character, voices: VoiceList) -> Options:
    """The narrator's list: what its first entry means depends on who narrates."""
    return voices.rvc(AS_SET if character.narrator else SAME, character.rvc_narrator)


def heading_of(who: str, note: str = "") -> str:
    name = name_of(who).replace("*", "")
    return f"**Voices for {name}**" + (f" · {note}" if note else "")


def _elsewhere(runtime: Runtime, who: str, character: Character) -> str:
    """Said where a voice was chosen on another engine only."""
    others = [engine for engine in runtime.choices.engines_with_a_voice(who) if engine]
    if character.voice or not others or not runtime.engine():
        return ""
    return f"no voice chosen on {runtime.engine()} yet (there is one on {', '.join(others)}): the default voice speaks"


def key_hint(key: str) -> str:
    return "saved; type to replace it" if key else "none"


_SAID = {
    "off": "Off",
    "looking": "Looking",
    "installing": "Installing",
    "starting": "Starting",
    "loading": "Loading",
    "ready": "Ready",
    "failed": "Not working",
}


def status_html(status: Status) -> str:
    """The line that says how the server is, and a bar while something is installed."""
    share = None if status.fraction is None else round(100 * max(0.0, min(1.0, status.fraction)))
    installing = status.phase == "installing" and share is not None
    said = _SAID.get(status.phase, status.phase) + (f" {share} %" if installing else "")
    parts = [f"<b>{html.escape(said)}</b>"]
    if status.phase == "ready":
        device = f"on {status.device}" if status.device else ""
        parts.append(html.escape(" ".join(part for part in (status.engine, device) if part)))
    parts.append(html.escape(status.detail))
    if status.phase == "ready" and status.address:
        link = html.escape(status.address + "/", quote=True)
        parts.append(f'<a class="troupe-studio" href="{link}" target="_blank" rel="noopener">Open the studio</a>')
    line = '<span class="troupe-gap">·</span>'.join(f"<span>{part}</span>" for part in parts if part)
    bar = f'<div class="troupe-bar"><div style="width:{share}%"></div></div>' if installing else ""
    dot = '<span class="troupe-dot"></span>'
    return f'<div class="troupe-line" data-phase="{html.escape(status.phase)}">{dot}{line}</div>{bar}'
