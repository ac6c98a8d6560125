"""What the routes work with: made by ``create_app``, kept on the application, asked for by every route."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from fastapi import Request

from server import __version__
from server.api.schemas import Json
from server.engines.registry import EngineRegistry
from server.life import Life
from server.live import LiveSettings
from server.logs import Memory
from server.speech.casting import Casting
from server.speech.metrics import Metrics
from server.speech.narration import Narrations
from server.speech.scripts import Scripts
from server.speech.service import SpeechService
from server.voices.library import Library
from server.voices.names import OPENAI_NAMES
from server.voices.voicemap import VoiceMap

ENGINE_WAIT = 10.0
"""Seconds a request waits for an engine that is loading before it is told to come back."""


@dataclass(frozen=True, slots=True)
class Troupe:
    """The parts of a running server."""

    instance: str
    settings: LiveSettings
    registry: EngineRegistry
    voice_map: VoiceMap
    library: Library
    casting: Casting
    scripts: Scripts
    speech: SpeechService
    narrations: Narrations
    metrics: Metrics
    life: Life
    log: Memory

    def health(self) -> Json:
        """The answer of ``GET /health``."""
        registry = self.registry
        state = "draining" if self.life.stopping.is_set() else registry.state
        return {
            "product": "troupe",
            "version": __version__,
            "api": 1,
            "instance": self.instance,
            # An unloaded engine is loaded by the next request: to a client that is as good as ready.
            "state": {"unloaded": "ready" if registry.current else "starting"}.get(state, state),
            "engine": registry.current,
            "device": registry.device,
            "detail": registry.detail,
        }

    def voice_list(self) -> list[Json]:
        """OpenAI's names, then the voices of the current engine, then the user's own."""
        listed = []
        for name in OPENAI_NAMES:
            voice = self.casting.voice(name)
            listed.append({**_voice_json(name, name.capitalize(), "openai"), **_facts(voice)})
        for voice in self.casting.voices():
            listed.append({**_voice_json(voice.id, voice.name, voice.kind), **_facts(voice)})
        return listed


def _voice_json(voice_id: str, name: str, kind: str) -> Json:
    from urllib.parse import quote

    return {
        "id": voice_id,
        "name": name,
        "kind": kind,
        "preview_url": f"/api/voices/{quote(voice_id, safe='')}/preview",
    }


def troupe_of(request: Request) -> Troupe:
    """The server that this request came to."""
    return cast(Troupe, request.app.state.troupe)
