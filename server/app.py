"""What the server is made of, on one screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, nullcontext, suppress

from fastapi import FastAPI

from server import __version__
from server.api import (
    alltalk,
    alltalk_pages,
    captions,
    health,
    lexicon,
    login,
    media,
    narration,
    openai,
    recordings,
    reference,
    voicemap,
    voices,
    watch,
)
from server.api.errors import install_error_handlers
from server.api.level import Level
from server.api.policy import GatePolicy
from server.api.security import Gate
from server.api.unknown import install_catch_alls
from server.conversion.process import Launch
from server.engines.client import Deadlines
from server.engines.devices import device_for
from server.engines.registry import EngineRegistry
from server.engines.setup import EngineSetup
from server.engines.table import ENGINES
from server.errors import SpeechError
from server.installs import Install, Installs
from server.life import Life
from server.live import LiveSettings
from server.logs import Memory
from server.settings import Settings, no_such_engine, refuse_unknown_engines
from server.speech.casting import Casting
from server.speech.clip import ClipMaker
from server.speech.conversion import Converters
from server.speech.generations import Generations
from server.speech.metrics import Metrics
from server.speech.narration_clips import Surroundings
from server.speech.narrations import Narrations
from server.speech.recordings import Recordings
from server.speech.rehearsal import Rehearsal
from server.speech.scheduler import Scheduler
from server.speech.scripts import Scripts
from server.speech.service import SpeechService
from server.speech.speaker import Speaker
from server.speech.store import AudioStore, Keep
from server.speech.voices import VoiceMaker
from server.studio.mount import Door
from server.text.lexicon import Lexicon
from server.troupe import Troupe
from server.voices.library import Library
from server.voices.voicemap import VoiceMap

RVC_DEVICES = ("cpu", "cuda", "mps")
_PRUNE_EVERY = 600.0
"""Seconds between two looks at what is kept on disk."""


def create_app(
    settings: Settings,
    *,
    instance: str,
    life: Life | None = None,
    log: Memory | None = None,
    key: str | None = None,
    engines: Mapping[str, str] = ENGINES,
    install: Install | None = None,
    studio: bool = False,
) -> FastAPI:
    """The application; its engine is loaded when it starts (its lifespan), not before.

    ``key`` is what requests must carry; None asks for none. ``studio`` adds the pages at ``/``, ``install`` stands
    in for pip.
    """
    troupe = build(settings, instance, life or Life(host_owned=False), log or Memory(), engines, install)

    door = Door(troupe)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()

        def settle() -> None:  # settings change on any thread, and on some after the end
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(troupe.registry.settle)

        troupe.settings.on_change(settle)
        for_ever = (_load(troupe), _prune(troupe), _idle(troupe), troupe.rehearsal.keep())
        work = [asyncio.create_task(coroutine) for coroutine in for_ever]
        try:
            async with door.opening() if studio else nullcontext():
                yield
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await troupe.narrations.close()
            await troupe.recordings.close()
            troupe.converters.close()
            await troupe.registry.close()

    app = FastAPI(
        title="Troupe",
        version=__version__,
        description="One set of voices for every chat host and every OpenAI client.",
        lifespan=lifespan,
        # Theirs load scripts from another host; ours is server/api/reference.py.
        docs_url=None,
        redoc_url=None,
    )
    app.state.troupe = troupe
    app.state.policy = _policy(settings, key)
    for module in (
        *(openai, voicemap, voices, narration, captions, lexicon, alltalk, media),
        *(recordings, watch, health, login, reference, alltalk_pages),
    ):
        app.include_router(module.router)
    install_catch_alls(app)
    if studio:
        app.mount("/", door)
    install_error_handlers(app)
    app.add_middleware(Gate, policy=app.state.policy, requests=troupe.life.requests)
    app.add_middleware(Level)  # the last one added is the outermost
    return app


def build(
    settings: Settings,
    instance: str,
    life: Life,
    log: Memory,
    engines: Mapping[str, str] = ENGINES,
    install: Install | None = None,
) -> Troupe:
    """The parts and who knows whom."""
    live = LiveSettings(settings, lambda settings: refuse_unknown_engines(settings, engines))
    home = settings.home
    registry = EngineRegistry(
        EngineSetup(
            models=home / "models",
            device_for=lambda name, can: device_for(live.now.engine.device_of(name), can.devices, can.title),
            options_for=lambda name: live.now.engine.options.get(name, {}),
            beside=lambda: live.now.engine.beside,
            threads=settings.engine.threads,
            deadlines=lambda: Deadlines(live.now.deadlines.first_chunk_seconds, live.now.deadlines.stall_seconds),
            idle_unload_seconds=lambda: live.now.engine.idle_unload_minutes * 60,
            restart_seconds=settings.deadlines.restart_seconds,
            restart_max_seconds=settings.deadlines.restart_max_seconds,
            degraded_after=settings.deadlines.degraded_after,
        ),
        engines,
    )
    voice_map = VoiceMap(home / "voicemap.yaml")
    library = Library(home / "voices")
    converters = Converters(
        home, lambda: Launch(device_for(live.now.rvc.device, RVC_DEVICES, "RVC"), live.now.rvc.memory_gb)
    )
    casting = Casting(registry, voice_map, library, lambda: live.now, converters.names)
    scripts = Scripts(lambda: live.now, Lexicon(home / "lexicon.yaml"))
    scheduler = Scheduler(registry, lambda: live.now.server.queue)
    speaker = Speaker(scheduler, converters.open)
    metrics = Metrics()
    metrics.gauge("queue", "Requests that are open", lambda: scheduler.open)
    metrics.gauge("pieces_waiting", "Pieces that wait for the engine", lambda: scheduler.waiting)
    metrics.gauge("worker_restarts", "Workers that had to be started again", lambda: registry.restarts)
    metrics.gauges(
        "memory_bytes", "Memory of worker processes", ("part", "kind"), lambda: _memory(registry, converters)
    )
    audio = AudioStore(home / "audio", lambda: Keep(live.now.audio.keep_hours, live.now.audio.keep_mb))
    around = Surroundings(registry, casting, ClipMaker(speaker, audio), metrics)
    speech = SpeechService(scheduler, speaker, casting, scripts, metrics)
    return Troupe(
        instance=instance,
        started_with=settings,
        settings=live,
        registry=registry,
        voice_map=voice_map,
        library=library,
        voice_maker=VoiceMaker(registry, casting, library),
        casting=casting,
        converters=converters,
        rehearsal=Rehearsal(registry, library, converters, lambda: live.now),
        scripts=scripts,
        speech=speech,
        narrations=Narrations(around, scripts, lambda: live.now),
        recordings=Recordings(speech, scripts, audio),
        generations=Generations(),
        audio=audio,
        metrics=metrics,
        life=life,
        log=log,
        installs=Installs(home, install),
    )


def _memory(registry: EngineRegistry, converters: Converters) -> Iterator[tuple[tuple[str, str], float]]:
    """By engine (or ``rvc``) and kind: ``process`` and those of the device."""
    parts = {slot.name: slot.memory() for slot in registry.slots()}
    for part, memory in {**parts, "rvc": converters.process.memory()}.items():
        for kind, count in memory.items():
            yield (part, kind), count


def _policy(settings: Settings, key: str | None) -> GatePolicy:
    server = settings.server
    return GatePolicy.of(
        key=key,
        host_names=server.host_names,
        origins=server.allow_origins,
        network=server.listen,
        requests_at_once=server.max_connections,
    )


async def _load(troupe: Troupe) -> None:
    """Load the engine of the settings; a failure is shown by ``/health`` and does not end the server."""
    settings, registry = troupe.settings.now, troupe.registry
    name = settings.engine.name
    with suppress(SpeechError):
        await registry.load(name, unknown=no_such_engine(settings, "engine.name", name, registry.table))
    troupe.registry.settle()  # even when it cannot be loaded, those beside it can speak


async def _prune(troupe: Troupe) -> None:
    while True:
        in_use = {narration.id for narration in troupe.narrations.open} | set(troupe.recordings.being_made)
        await asyncio.to_thread(troupe.audio.prune, in_use)
        await asyncio.sleep(_PRUNE_EVERY)


async def _idle(troupe: Troupe) -> None:
    """Give back the memory of what nobody uses."""
    registry = troupe.registry
    await asyncio.gather(
        registry.unload_when_idle(), troupe.converters.unload_when_idle(registry.setup.idle_unload_seconds)
    )
