"""The parts of a running server, as routes and studio pages use them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote

from server import __version__
from server.conversion.rvc.installed import rvc_is_installed
from server.conversion.rvc.settings import DISABLED
from server.engines.registry import EngineRegistry
from server.engines.slot import Slot
from server.errors import InvalidRequest, SpeechError, Unavailable
from server.files import stamp_of
from server.installs import Installs
from server.life import Life
from server.live import LiveSettings
from server.logs import Memory
from server.settings import Settings, user_file
from server.speech.casting import Casting
from server.speech.conversion import Converters
from server.speech.generations import Generations
from server.speech.metrics import Metrics
from server.speech.narrations import Narrations
from server.speech.recordings import Recordings
from server.speech.rehearsal import Rehearsal
from server.speech.scripts import Scripts
from server.speech.service import SpeechService
from server.speech.store import AudioStore
from server.speech.voices import VoiceMaker
from server.voices.library import Library
from server.voices.names import OPENAI_NAMES
from server.voices.voice import Voice
from server.voices.voicemap import VoiceMap

Json = dict[str, Any]

ENGINE_WAIT = 10.0
"""Seconds a request waits for an engine that is loading before it is told to come back."""


@dataclass(frozen=True, slots=True)
class Troupe:
    """The parts of a running server."""

    instance: str
    started_with: Settings
    """The settings at the start: some changes wait for the next."""
    settings: LiveSettings
    registry: EngineRegistry
    voice_map: VoiceMap
    library: Library
    voice_maker: VoiceMaker
    casting: Casting
    converters: Converters
    rehearsal: Rehearsal
    scripts: Scripts
    speech: SpeechService
    narrations: Narrations
    recordings: Recordings
    generations: Generations
    audio: AudioStore
    metrics: Metrics
    life: Life
    log: Memory
    installs: Installs

    def health(self) -> Json:
        """The answer of ``GET /health``."""
        registry = self.registry
        state = "draining" if self.life.stopping.is_set() else registry.state
        return {
            "product": "troupe",
            "version": __version__,
            "api": 1,
            "instance": self.instance,
            "listen": self.started_with.server.listen,
            # An unloaded engine is loaded by the next request: to a client that is as good as ready.
            "state": ("ready" if registry.current else "starting") if state == "unloaded" else state,
            "engine": registry.current,
            "device": registry.device,
            "detail": registry.detail or ("Preparing voice conversion" if self.rehearsal.preparing else ""),
        }

    def rvc_voices(self) -> list[str]:
        """"Disabled", then the RVC voices that can be chosen; none of them while RVC is off."""
        return self.converters.names() if self.settings.now.rvc.enabled else [DISABLED]

    async def engine_answering(self) -> None:
        """Wait until voices are known; Unavailable with the reason and Retry-After when that takes too long."""
        if not self.registry.voices():
            await self.registry.ready(ENGINE_WAIT)

    def voice_list(self) -> list[Json]:
        """OpenAI's names, then the voices of the current engine, the user's own, and those of engines beside it."""
        voices = [(name, name.capitalize(), "openai", self._speaker_of(name)) for name in OPENAI_NAMES]
        voices += [(name, self.label(voice), voice.kind, voice) for name, voice in self.casting.choices()]
        return [
            {
                "id": voice_id,
                "name": name,
                "engine": voice.engine,
                "languages": list(voice.languages),
                "gender": voice.gender,
                "licence": voice.licence,
                "preview_url": f"/api/voices/{quote(voice_id, safe='')}/preview",
                "kind": kind,
            }
            for voice_id, name, kind, voice in voices
        ]

    def label(self, voice: Voice) -> str:
        """A voice's name as people read it; one of another engine than the current one says so."""
        if voice.engine == self.registry.current:
            return voice.name
        return f"{voice.name} ({self.registry.capabilities(voice.engine).title})"

    def _speaker_of(self, name: str) -> Voice:
        """Who speaks for an OpenAI name; one that is set to a voice that is gone stays in the list, as nobody's."""
        try:
            return self.casting.voice(name)
        except (InvalidRequest, Unavailable):
            return Voice(id=name, engine=self.registry.current, name=name, languages=(), gender="neutral", licence="")

    def engines(self) -> list[Json]:
        """The current engine, and those that are, or are to be, loaded beside it."""
        registry = self.registry
        return [
            {
                "name": slot.name,
                "title": slot.capabilities.title,
                "current": slot.name == registry.current,
                "state": registry.state if slot.name == registry.current else slot.state,
                "detail": slot.detail,
                "device": slot.device,
                "restarts": slot.restarts,
                "memory": slot.memory(),
            }
            for slot in registry.slots()
        ]

    async def revisions(self) -> Json:
        """For each topic a word that changes with it, whoever changed it: API, studio or an edited file.

        The files' stamps are in it because a change that is taken back at once is two changes.
        """
        registry, rehearsal, home = self.registry, self.rehearsal, self.settings.now.home
        current = registry.current
        rvc_voices = await asyncio.to_thread(self._rvc_voices_there)
        topics: dict[str, Callable[[], tuple[object, ...]]] = {
            "engine": lambda: (registry.state, registry.detail, registry.fraction, *map(_condition, registry.slots())),
            "voices": lambda: tuple(
                (name, len(registry.voices(name)), self.library.revision(name)) for name in (current, *registry.beside)
            ),
            "map": lambda: (self.voice_map.revision(current), stamp_of(self.voice_map.path)),
            "lexicon": lambda: (self.scripts.lexicon.revision, stamp_of(home / "lexicon.yaml")),
            "rvc": lambda: (rvc_voices, rvc_is_installed(), rehearsal.preparing, rehearsal.problem),
            "settings": lambda: (hash(self.settings.now.model_dump_json()), stamp_of(user_file(home))),
            "install": lambda: (self.installs.running, self.installs.fraction, len(self.installs.lines)),
        }
        return {topic: f"{current} {_word(read)}" for topic, read in topics.items()}

    def _rvc_voices_there(self) -> object:
        """Another word when they change. They are named only while RVC is on: before, nobody has use for them."""
        return self.converters.names() if self.settings.now.rvc.enabled else self.converters.stamp()

    def status(self) -> Json:
        """What the Status page shows."""
        registry, speech = self.registry, self.speech
        return {
            "state": self.health()["state"],
            "engine": registry.current,
            "device": registry.device,
            "memory": registry.memory(),
            "engines": self.engines(),
            "rvc": {
                "device": self.converters.process.device,
                "memory": self.converters.process.memory(),
                "preparing": self.rehearsal.preparing,
                "problem": self.rehearsal.problem,
            },
            "restarts": registry.restarts,
            "up": time.time() - self.life.since,
            "open": speech.scheduler.open,
            "waiting": speech.scheduler.waiting,
            "narrations": len(self.narrations.open),
            **self.metrics.outcomes(),
            "recent": [asdict(observation) for observation in [*self.metrics.recent][-60:]],
            "log": [asdict(entry) for entry in self.log.entries],
        }


def _condition(slot: Slot) -> tuple[object, ...]:
    return slot.name, slot.state, slot.detail, slot.restarts, slot.device


def _word(read: Callable[[], tuple[object, ...]]) -> str:
    """What is read, or why it cannot be: a damaged file is a change like any other."""
    try:
        return str(read())
    except SpeechError as error:
        return error.message
