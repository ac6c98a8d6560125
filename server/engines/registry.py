"""Which engines there are, which one is current, and keeping its worker alive.

One engine is current. Switching loads the new one first and only then ends the old one, so that a failed switch
leaves the old one speaking. A worker that dies is started again after a growing pause; one that keeps dying
leaves the server ``degraded``, with the reason.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from server.audio.chunk import AudioChunk
from server.engines.base import Capabilities, Engine, EngineContext, OptionValue, SynthesisOptions
from server.engines.client import Deadlines, WorkerClient, process_memory
from server.errors import NotFound, SpeechError, Unavailable
from server.text.piece import Piece
from server.voices.voice import Voice

log = logging.getLogger("troupe.engines")

ENGINES: Mapping[str, str] = {
    "kokoro": "server.engines.kokoro.engine:Kokoro",
    "piper": "server.engines.piper:Piper",
    "tone": "server.engines.tone:Tone",
}
"""Adding an engine is one row here, one file and one requirements list; see CONTRIBUTING."""

State = Literal["unloaded", "loading", "ready", "degraded"]

_RETIRE_SECONDS = 10.0
"""What an engine that was switched away from may still finish."""
_WINDOW = 300.0
"""Seconds within which ``degraded_after`` deaths make the engine given up until somebody loads it again."""


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """How engines are started; ``device_for`` and ``options_for`` look at the settings in force."""

    models: Path
    device_for: Callable[[str, Capabilities], str] = lambda name, capabilities: "cpu"
    options_for: Callable[[str], Mapping[str, OptionValue]] = lambda name: {}
    threads: int = 0
    deadlines: Deadlines = field(default_factory=Deadlines)
    idle_unload_seconds: float = 0.0
    """0 keeps the engine loaded."""
    restart_seconds: float = 1.0
    """Pause before the second restart in a row; doubles each time. The first comes at once."""
    restart_max_seconds: float = 60.0
    degraded_after: int = 5


def engine_class(name: str, table: Mapping[str, str] = ENGINES) -> type[Engine]:
    """The class of an engine, imported when first asked for; NotFound lists the engines there are."""
    if name not in table:
        raise NotFound(
            f"There is no engine {name!r}. Engines: {', '.join(table)}.", code="engine_not_found", param="engine"
        )
    module, _, attribute = table[name].partition(":")
    found: type[Engine] = getattr(importlib.import_module(module), attribute)
    return found


def is_installed(capabilities: Capabilities) -> bool:
    """Whether the packages the engine imports are there."""
    return all(importlib.util.find_spec(module) is not None for module in capabilities.modules)


class EngineRegistry:
    """The engines of one server, the current one among them."""

    def __init__(
        self,
        setup: EngineSetup,
        table: Mapping[str, str] = ENGINES,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.setup = setup
        self.table = table
        self.current = ""
        self.state: State = "unloaded"
        self.detail = ""
        self.fraction: float | None = None
        self.restarts = 0
        self._clock = clock
        self._client: WorkerClient | None = None
        self._switching = asyncio.Lock()
        self._changed = asyncio.Event()
        self._deaths: deque[float] = deque(maxlen=setup.degraded_after)
        self._users = 0
        self._last_use = clock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners: list[Callable[[], None]] = []

    def names(self) -> list[str]:
        """Every engine there is, installed or not."""
        return list(self.table)

    def capabilities(self, name: str | None = None) -> Capabilities:
        """What an engine can do; the current one by default."""
        return engine_class(name or self.current, self.table).capabilities

    def voices(self) -> Sequence[Voice]:
        """Built-in voices of the current engine; empty while it has never been loaded."""
        return self._client.voices if self._client else ()

    @property
    def device(self) -> str:
        """Where the current engine computes: ``cpu``, ``cuda:0``."""
        return self.setup.device_for(self.current, self.capabilities()) if self.current else ""

    def memory(self) -> dict[str, int]:
        """Bytes the worker uses: ``process``, and by device where the engine tells."""
        client = self._client
        if client is None or client.pid is None:
            return {}
        client.ping()
        resident = process_memory(client.pid)
        return {**({"process": resident} if resident else {}), **client.device_memory}

    @property
    def worker_pid(self) -> int | None:
        """Process id of the current worker."""
        return self._client.pid if self._client else None

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever engine, state or progress change."""
        self._listeners.append(listener)

    async def load(self, name: str) -> None:
        """Make ``name`` current and ready. Raises why it cannot be; the engine before it then goes on."""
        try:
            capabilities = self.capabilities(name)
        except SpeechError as error:
            if not self.current:
                self._set("degraded", error.message)
            raise
        async with self._switching:
            if name == self.current and self.state == "ready":
                return
            old, before = self._client, (self.current, self.state, self.detail)
            if not self.current or old is None:
                self.current = name
            self._set("loading", f"loading {capabilities.title}")
            try:
                client = await self._start(name, capabilities)
            except BaseException as error:
                if old is not None and old.pid is not None:
                    self.current = before[0]
                    self._set("ready", "")
                elif isinstance(error, SpeechError):
                    self._set("degraded", error.message)
                else:
                    self._set("unloaded", "")
                raise
            self._client, self.current = client, name
            self._deaths.clear()
            self._set("ready", "")
        if old is not None:
            self._in_background(self._retire(old))

    async def _retire(self, client: WorkerClient) -> None:
        """Let what is being spoken end, then give back the memory."""
        try:
            await client.drained(_RETIRE_SECONDS)
        finally:
            await client.stop()

    async def unload(self) -> None:
        """End the worker and give back its memory; the next request loads it again."""
        async with self._switching:
            client = self._client
            if client is None:
                return
            self._set("unloaded", "")
            await client.stop()

    async def close(self) -> None:
        """End everything, for good."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.stop()

    async def ready(self, timeout: float) -> None:
        """Wait until the current engine can speak; Unavailable with the reason when it will not."""
        end = self._clock() + timeout
        while self.state != "ready":
            if self.state == "unloaded" and self.current and not self._switching.locked():
                await self.load(self.current)
                continue
            if self.state == "degraded" and not self._switching.locked():
                name = f"The {self.current} engine" if self.current else "The server"
                raise Unavailable(f"{name} cannot speak: {self.detail}", code="engine_failed")
            left = end - self._clock()
            if left <= 0:
                raise Unavailable(
                    f"The {self.current or 'speech'} engine is still loading. Try again in a moment.",
                    code="engine_loading",
                    retry_after=5,
                )
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except asyncio.TimeoutError:
                continue

    async def speak(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> AsyncGenerator[AudioChunk, None]:
        """Chunks of one piece from the current engine; leaving the generator cancels it."""
        if self._client is None or self.state != "ready":
            raise Unavailable("No engine is loaded.", code="engine_loading", retry_after=5)
        if voice.engine != self.current:
            raise Unavailable(f"The engine was switched to {self.current} meanwhile.", code="engine_switched")
        with self._in_use():
            async for chunk in self._client.speak(piece, voice, options):
                yield chunk

    async def prepare(self, voice: Voice) -> None:
        """Let the current engine take in a cloned voice."""
        await self.ready(self.setup.deadlines.load)
        assert self._client is not None
        with self._in_use():
            await self._client.prepare(voice)

    async def unload_when_idle(self) -> None:
        """Run for ever: unload after ``idle_unload_seconds`` without a job."""
        limit = self.setup.idle_unload_seconds
        while limit > 0:
            await asyncio.sleep(min(limit, 30.0))
            if self.state == "ready" and not self._users and self._clock() - self._last_use >= limit:
                log.info("unloading %s after %g s without use", self.current, limit)
                await self.unload()

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self._last_use = self._clock()

    async def _start(self, name: str, capabilities: Capabilities) -> WorkerClient:
        if not is_installed(capabilities):
            raise Unavailable(
                f"{capabilities.title} is not installed. Run: python3 -m server install {name}",
                code="engine_not_installed",
                param="engine",
            )
        client = WorkerClient(
            name,
            self.table[name],
            EngineContext(
                device=self.setup.device_for(name, capabilities),
                models=self.setup.models / name,
                threads=self.setup.threads,
                options=self.setup.options_for(name),
                report=self._report,
            ),
            deadlines=self.setup.deadlines,
            on_exit=lambda status: self._died(client, status),
        )
        started = self._clock()
        await client.start()
        log.info("%s is ready after %.1f s", name, self._clock() - started)
        return client

    def _died(self, client: WorkerClient, status: int) -> None:
        if client is not self._client:
            return
        self.restarts += 1
        self._deaths.append(self._clock())
        log.error("the %s worker ended with status %d", self.current, status)
        limit = self.setup.degraded_after
        if len(self._deaths) == limit and self._clock() - self._deaths[0] < _WINDOW:
            self._set("degraded", f"its worker ended {limit} times within five minutes (last status {status})")
            return
        self._set("loading", "starting again after a crash")
        self._in_background(self._restart(client))

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _restart(self, dead: WorkerClient) -> None:
        recent = sum(self._clock() - death < _WINDOW for death in self._deaths)
        if recent > 1:
            pause = self.setup.restart_seconds * 2.0 ** (recent - 2)
            await asyncio.sleep(min(pause, self.setup.restart_max_seconds))
        async with self._switching:
            if self._client is not dead:
                return
            try:
                self._client = await self._start(self.current, self.capabilities())
            except SpeechError as error:
                self._set("degraded", error.message)
            else:
                self._set("ready", "")

    def _report(self, detail: str, fraction: float | None) -> None:
        self.fraction = fraction
        if self.state == "loading":
            self._set("loading", detail, fraction)

    def _set(self, state: State, detail: str, fraction: float | None = None) -> None:
        self.state, self.detail, self.fraction = state, detail, fraction
        self._changed.set()
        for listener in self._listeners:
            listener()
