"""The page: its head and its tabs."""

from __future__ import annotations

from typing import Any

import gradio as gr

from server.studio import connect, conversion, engines, lexicon, settings, speak, status, voices
from server.studio.widgets import on_topics, pulse, widget
from server.troupe import Troupe


def make_page(troupe: Troupe) -> gr.Blocks:
    """All of the studio for one server."""
    with gr.Blocks(title="Troupe", analytics_enabled=False, fill_width=True) as page:
        beat = pulse()
        head = widget("head", elem_id="head")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Speak", id="speak"):
                speak.build(troupe, beat)
            with gr.Tab("Voices", id="voices"):
                voices.build(troupe, beat)
            with gr.Tab("TTS Engine Settings", id="engines"):
                engines.build(troupe, beat)
            with gr.Tab("Lexicon", id="lexicon"):
                lexicon.build(troupe, beat)
            with gr.Tab("Voice conversion", id="conversion"):
                conversion.build(troupe, beat)
            with gr.Tab("Settings", id="settings"):
                settings.build(troupe, beat)
            with gr.Tab("Connect", id="connect"):
                connect.build(troupe, beat)
            with gr.Tab("Status", id="status"):
                status.build()
        on_topics(beat, ["engine"], lambda: _head(troupe), [head])
    return page


def _head(troupe: Troupe) -> dict[str, Any]:
    registry = troupe.registry
    health = troupe.health()
    title = registry.capabilities().title if registry.current else "No engine"
    return {"title": title, "state": registry.state, "device": health["device"], "detail": registry.detail}
