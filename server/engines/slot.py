"""A slot: one engine, its worker and its state. It loads and unloads it, and keeps the worker alive.

A worker that dies is started again after a growing pause; one that keeps dying leaves it ``degraded``, with the reason.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Literal

from server.audio.chunk import AudioChunk
from server.engines.base import SynthesisOptions
from server.engines.client import WorkerClient, WorkerDied
from server.engines.patience import Patience
from server.engines.process import process_memory
from server.engines.setup import EngineSetup
from server.engines.table import engine_class, is_installed
from server.errors import SpeechError, Unavailable
from server.text.piece import Piece
from server.voices.voice import Voice

log = logging.getLogger("troupe.engines")

State = Literal["unloaded", "loading", "ready", "degraded"]

_RETIRE_SECONDS = 30.0
"""Time an engine that is no longer wanted has to finish what it had begun."""
_WINDOW = 300.0
"""Seconds within which ``degraded_after`` failures make the engine given up until somebody loads it again."""


class Slot:
    """One engine of the server, loaded or not."""

    def __init__(
        self,
        name: str,
        table: Mapping[str, str],
        setup: EngineSetup,
        *,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.capabilities = engine_class(name, table).capabilities
        self.state: State = "unloaded"
        self.detail = ""
        self.fraction: float | None = None
        self.restarts = 0
        self.voices: Sequence[Voice] = ()
        """Built-in voices, known from the first time it was loaded until nobody wants the engine any more."""
        self._class_path = table[name]
        self._setup = setup
        self._on_change = on_change
        self._clock = clock
        self._client: WorkerClient | None = None
        self._leaving: WorkerClient | None = None
        """The worker of an engine that is no longer wanted, while it still finishes what it had begun."""
        self._changing = asyncio.Lock()
        self._patience = Patience(
            limit=setup.degraded_after,
            window=_WINDOW,
            first=setup.restart_seconds,
            longest=setup.restart_max_seconds,
            clock=clock,
        )
        self._users = 0
        self._last_use = self._last_failure = clock()
        self._waking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def device(self) -> str:
        """Where it computes: ``cpu``, ``cuda:0``; empty before it is loaded."""
        return self._client.device if self._client else ""

    @property
    def client(self) -> WorkerClient | None:
        """The worker that speaks next; that of an unloaded engine has ended."""
        return self._client

    @property
    def at_once(self) -> int:
        """Pieces it speaks together; what its kind can do at most, until it is loaded."""
        return self._client.at_once if self._client else self.capabilities.batch_size

    @property
    def pid(self) -> int | None:
        """Process id of the worker."""
        return self._client.pid if self._client else None

    def memory(self) -> dict[str, int]:
        """Bytes the worker uses: ``process``, and by kind of device where the engine tells."""
        client = self._client
        if client is None or client.pid is None:
            return {}
        client.ping()
        resident = process_memory(client.pid)
        return {**({"process": resident} if resident else {}), **client.device_memory}

    async def load(self) -> None:
        """Make it ready; raises why it cannot be."""
        async with self._changing:
            if self.state == "ready":
                return
            self._set("loading", f"loading {self.capabilities.title}")
            try:
                client = await self._start()
            except SpeechError as error:
                self._fail(error.message)
                raise
            except BaseException:
                self._set("unloaded", "")
                raise
            self._patience.forget()
            self._take(client)

    def wake(self) -> None:
        """Load it for all who wait, whoever of them leaves; the state tells how it went."""

        async def load() -> None:
            with suppress(SpeechError):
                await self.load()

        if self._waking is None or self._waking.done():
            if not self._changing.locked():
                self._set("loading", f"loading {self.capabilities.title}")
            self._waking = self._in_background(load())

    async def unload(self) -> None:
        """Let what is being spoken end, then end the worker and give back its memory; the next wish loads it again."""
        async with self._changing:
            if self._client is None or self.state == "unloaded":
                return
            self._set("unloaded", "")
            await self._client.drained(_RETIRE_SECONDS)
            await self._client.stop()
        self._on_change()

    def retire(self, is_wanted: Callable[[Slot], bool]) -> None:
        """The same in the background, unless somebody wants it again before; meanwhile it can be loaded anew."""
        self._in_background(self._retire(is_wanted))

    async def close(self) -> None:
        """End everything, for good."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.stop()

    @property
    def can_speak(self) -> bool:
        """Whether a job would be taken now."""
        return self.state == "ready" or self._last_worker() is not None

    async def speak(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> AsyncGenerator[AudioChunk, None]:
        """Chunks of one piece; leaving the generator cancels it."""
        with self._in_use():
            async with aclosing(self._worker().speak(piece, voice, options)) as chunks:
                async for chunk in chunks:
                    yield chunk

    async def prepare(self, voice: Voice) -> None:
        """Let the engine take in a cloned voice."""
        with self._in_use():
            await self._worker().prepare(voice)

    def idle_for(self, seconds: float) -> bool:
        """Whether it is loaded and nobody has used it for so long."""
        return self.state == "ready" and not self._users and self._clock() - self._last_use >= seconds

    def failed_before(self, seconds: float) -> bool:
        """Whether its last failure is so long ago that another try makes sense."""
        return self.state == "degraded" and self._clock() - self._last_failure >= seconds

    def refusal(self) -> Unavailable:
        """Why it cannot speak."""
        return Unavailable(f"The {self.name} engine cannot speak: {self.detail}", code="engine_failed")

    def _worker(self) -> WorkerClient:
        if self.state == "ready" and self._client is not None:
            return self._client
        leaving = self._last_worker()
        if leaving is None:
            raise Unavailable("No engine is loaded.", code="engine_loading", retry_after=5)
        return leaving

    def _last_worker(self) -> WorkerClient | None:
        return self._leaving if self._leaving is not None and self._leaving.pid is not None else None

    @contextmanager
    def _in_use(self) -> Iterator[None]:
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self._last_use = self._clock()

    async def _start(self) -> WorkerClient:
        name, setup = self.name, self._setup
        if not is_installed(self.capabilities):
            raise Unavailable(
                f"{self.capabilities.title} is not installed. Run: python3 -m server install {name}",
                code="engine_not_installed",
                param="engine",
            )
        client = WorkerClient(
            name,
            self._class_path,
            setup.context_for(name, self.capabilities, self._report),
            deadlines=setup.deadlines,
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

    def _take(self, client: WorkerClient) -> None:
        self._client, self.voices = client, client.voices
        self._last_use = self._clock()
        self._set("ready", "")

    async def _retire(self, is_wanted: Callable[[Slot], bool]) -> None:
        async with self._changing:  # what is being loaded is loaded first
            if is_wanted(self):
                return
            client, self._client, self.voices = self._client, None, ()
            self._set("unloaded", "")
        if client is None:
            return
        self._leaving = client
        try:
            await client.drained(_RETIRE_SECONDS)
        finally:
            if self._leaving is client:
                self._leaving = None
            await client.stop()

    def _died(self, client: WorkerClient, status: int) -> None:
        if client is not self._client:
            return
        self.restarts += 1
        log.error("the %s worker ended with status %d", self.name, status)
        pause = self._patience.failed()
        if pause is None:
            self._give_up(f"last exit status {status}")
        else:
            self._set("loading", "starting again after a crash")
            self._in_background(self._restart(client, pause))

    async def _restart(self, dead: WorkerClient, pause: float | None) -> None:
        """Start the engine again, until it speaks, is given up, or somebody loads, unloads or retires it."""
        reason = ""
        while pause is not None:
            await asyncio.sleep(pause)
            async with self._changing:
                if self._client is not dead or self.state == "unloaded":
                    return
                try:
                    client = await self._start()
                except SpeechError as error:
                    log.error("%s could not be started again: %s", self.name, error.message)
                    reason, pause = error.message, self._patience.failed()
                else:
                    self._take(client)
                    return
        self._give_up(reason)

    def _give_up(self, reason: str) -> None:
        self._fail(f"it failed {self._patience.limit} times within five minutes ({reason})")

    def _fail(self, reason: str) -> None:
        self._last_failure = self._clock()
        self._set("degraded", reason)

    def _in_background(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _report(self, detail: str, fraction: float | None) -> None:
        if self._changing.locked():
            self._set(self.state, detail, fraction)

    def _set(self, state: State, detail: str, fraction: float | None = None) -> None:
        self.state, self.detail, self.fraction = state, detail, fraction
        self._on_change()
