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
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from server.audio.chunk import AudioChunk
from server.engines.base import Capabilities, Engine, EngineContext, OptionValue, SynthesisOptions
from server.engines.client import Deadlines, WorkerClient, WorkerDied, process_memory
from server.engines.patience import Patience
from server.errors import NotFound, SpeechError, Unavailable
from server.patience import within
from server.text.piece import Piece
from server.voices.voice import Voice

log = logging.getLogger("troupe.engines")

ENGINES: Mapping[str, str] = {
    "kokoro": "server.engines.kokoro.engine:Kokoro",
    "kokoro-torch": "server.engines.kokoro_torch.engine:KokoroTorch",
    "piper": "server.engines.piper:Piper",
    "xtts": "server.engines.coqui.xtts:Xtts",
    "coqui-vits": "server.engines.coqui.vits:CoquiVits",
    "tone": "server.engines.tone:Tone",
}
"""Adding an engine is one row here, one file and one requirements list; see CONTRIBUTING."""

State = Literal["unloaded", "loading", "ready", "degraded"]

_RETIRE_SECONDS = 30.0
"""Time an engine that was switched away from has to finish what it had begun."""
_WINDOW = 300.0
"""Seconds within which ``degraded_after`` failures make the engine given up until somebody loads it again."""


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
        """The engine that speaks, or will as soon as it is loaded."""
        self.state: State = "unloaded"
        self.detail = ""
        self.fraction: float | None = None
        self.restarts = 0
        self._clock = clock
        self._client: WorkerClient | None = None
        self._retired: WorkerClient | None = None
        """The engine switched away from, while it still finishes what it had begun."""
        self._switching = asyncio.Lock()
        self._changed = asyncio.Event()
        self._patience = Patience(
            limit=setup.degraded_after,
            window=_WINDOW,
            first=setup.restart_seconds,
            longest=setup.restart_max_seconds,
            clock=clock,
        )
        self._users = 0
        self._last_use = clock()
        self._reloading: asyncio.Task[None] | None = None
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
        """Where the current engine computes: ``cpu``, ``cuda:0``; empty before it is loaded."""
        return self._client.device if self._client else ""

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
            # An engine that can speak goes on doing so until the new one can.
            speaking = old is not None and old.pid is not None and self.state == "ready"
            self.current = self.current or name
            self._set("ready" if speaking else "loading", f"loading {capabilities.title}")
            try:
                client = await self._start(name, capabilities)
            except BaseException as error:
                another = bool(before[0]) and before[0] != name
                if speaking or (another and before[1] == "unloaded"):
                    self._set(before[1], before[2])
                elif isinstance(error, SpeechError):
                    self._set("degraded", error.message)
                else:
                    self._set("unloaded", "")
                raise
            self._client, self.current = client, name
            self._patience.forget()
            self._last_use = self._clock()
            self._set("ready", "")
        if old is not None:
            self._retired = old
            self._in_background(self._retire(old))

    async def unload(self) -> None:
        """Let what is being spoken end, then end the worker and give back its memory; the next wish loads it again."""
        async with self._switching:
            if self._client is None or self.state == "unloaded":
                return
            self._set("unloaded", "")
            await self._client.drained(_RETIRE_SECONDS)
            await self._client.stop()
        self._changed.set()

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
                self._reload()
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
                await within(left, self._changed.wait())
            except asyncio.TimeoutError:
                continue

    async def speak(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> AsyncGenerator[AudioChunk, None]:
        """Chunks of one piece from the voice's engine; leaving the generator cancels it."""
        client = self._client_of(voice)
        with self._in_use():
            async with aclosing(client.speak(piece, voice, options)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def prepare(self, voice: Voice) -> None:
        """Let the current engine take in a cloned voice."""
        await self.ready(self.setup.deadlines.load)
        with self._in_use():
            await self._client_of(voice).prepare(voice)

    async def unload_when_idle(self) -> None:
        """Run for ever: unload after ``idle_unload_seconds`` without a job."""
        limit = self.setup.idle_unload_seconds
        while limit > 0:
            await asyncio.sleep(min(limit, 30.0))
            if self.state == "ready" and not self._users and self._clock() - self._last_use >= limit:
                log.info("unloading %s after %g s without use", self.current, limit)
                await self.unload()

    def _client_of(self, voice: Voice) -> WorkerClient:
        """The worker that has the voice: the current one, or the one before while it finishes what it had begun."""
        if voice.engine == self.current:
            if self._client is None or self.state != "ready":
                raise Unavailable("No engine is loaded.", code="engine_loading", retry_after=5)
            return self._client
        if self._retired is not None and self._retired.engine == voice.engine and self._retired.pid is not None:
            return self._retired
        raise Unavailable(f"The engine was switched to {self.current} meanwhile.", code="engine_switched")

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
        try:
            await client.start()
        except OSError as error:
            raise Unavailable(f"The worker of {name} cannot be started: {error}", code="engine_failed") from error
        if client.pid is None:  # it may die with its last word
            raise WorkerDied(f"The {name} engine ended as soon as it was loaded.")
        log.info("%s is ready after %.1f s", name, self._clock() - started)
        return client

    async def _retire(self, client: WorkerClient) -> None:
        """Let what it had begun end, then give back the memory."""
        try:
            await client.drained(_RETIRE_SECONDS)
        finally:
            if self._retired is client:
                self._retired = None
            await client.stop()

    def _reload(self) -> None:
        """Load the current engine for all who wait, whoever of them leaves; the state tells how it went."""

        async def load() -> None:
            with suppress(SpeechError):
                await self.load(self.current)

        if self._reloading is None or self._reloading.done():
            self._reloading = self._in_background(load())

    def _died(self, client: WorkerClient, status: int) -> None:
        if client is not self._client:
            return
        self.restarts += 1
        log.error("the %s worker ended with status %d", self.current, status)
        pause = self._patience.failed()
        if pause is None:
            self._give_up(f"last exit status {status}")
        else:
            self._set("loading", "starting again after a crash")
            self._in_background(self._restart(client, pause))

    async def _restart(self, dead: WorkerClient, pause: float | None) -> None:
        """Start the engine again, until it speaks, is given up, or somebody loads another."""
        reason = ""
        while pause is not None:
            await asyncio.sleep(pause)
            async with self._switching:
                if self._client is not dead:
                    return
                try:
                    self._client = await self._start(self.current, self.capabilities())
                except SpeechError as error:
                    log.error("%s could not be started again: %s", self.current, error.message)
                    reason, pause = error.message, self._patience.failed()
                else:
                    self._last_use = self._clock()
                    self._set("ready", "")
                    return
        self._give_up(reason)

    def _give_up(self, reason: str) -> None:
        self._set("degraded", f"it failed {self._patience.limit} times within five minutes ({reason})")

    def _in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _report(self, detail: str, fraction: float | None) -> None:
        if self._switching.locked():
            self._set(self.state, detail, fraction)

    def _set(self, state: State, detail: str, fraction: float | None = None) -> None:
        self.state, self.detail, self.fraction = state, detail, fraction
        self._changed.set()
        for listener in self._listeners:
            try:
                listener()
            except Exception:  # whoever listens must not stop an engine from being loaded
                log.exception("a listener failed")
