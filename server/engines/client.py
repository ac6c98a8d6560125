"""The server's end of one worker: starts it, hands it jobs, brings back sound. Lives on the event loop."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass

from server.audio.chunk import AudioChunk
from server.engines.base import EngineContext, Job, SynthesisOptions
from server.engines.process import WorkerProcess
from server.engines.protocol import (
    Message,
    chunk_from_wire,
    error_from_wire,
    job_to_wire,
    voice_from_wire,
    voice_to_wire,
)
from server.errors import SpeechError, SynthesisFailed
from server.patience import within
from server.text.piece import Piece
from server.voices.voice import Voice

log = logging.getLogger("troupe.engines")

_Item = AudioChunk | SpeechError | None

_PIECE_GAP = 0.3
"""Seconds within which a request comes back with its next piece."""
HUNG = -1
"""What ``on_exit`` is told of a worker that was ended because it had been silent for too long."""


class WorkerDied(SynthesisFailed):
    """The worker process ended with this job unfinished."""

    default_code = "worker_died"


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a model may be silent, in seconds, before it is taken for hung."""

    first_chunk: float = 120.0
    stall: float = 60.0
    load: float = 600.0


class WorkerClient:
    """One loaded engine in a process of its own."""

    def __init__(
        self,
        engine: str,
        class_path: str,
        context: EngineContext,
        *,
        deadlines: Callable[[], Deadlines] = Deadlines,
        on_exit: Callable[[int], None] = lambda status: None,
    ) -> None:
        self.engine = engine
        self.voices: Sequence[Voice] = ()
        self.load_seconds = 0.0
        self.at_once = 1
        """Pieces it speaks together, known once it is loaded."""
        self.device_memory: Mapping[str, int] = {}
        self._class_path = class_path
        self._context = context
        self._deadlines = deadlines
        self._on_exit = on_exit
        self._ids = itertools.count(1)
        self._jobs: dict[int, asyncio.Queue[_Item]] = {}
        self._process: WorkerProcess | None = None
        self._stopping = False
        self._last_word = time.monotonic()
        """When it last said something of any job."""

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process and load the model; raises what ``Engine.load`` raised."""
        self._loaded: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._process = WorkerProcess(self.engine, self._class_path, self._dispatch, self._ended)
        self._post(
            {
                "type": "load",
                "device": self._context.device,
                "models": str(self._context.models),
                "threads": self._context.threads,
                "options": dict(self._context.options),
            }
        )
        limit = self._deadlines().load
        try:
            await asyncio.wait_for(asyncio.shield(self._loaded), limit)
        except asyncio.TimeoutError as error:
            self.kill()
            raise SynthesisFailed(
                f"{self.engine} did not finish loading within {limit:g} s."
            ) from error
        except BaseException:
            self.kill()
            raise

    async def speak(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> AsyncGenerator[AudioChunk, None]:
        """Chunks of one piece as they are made. Leaving the iterator cancels inside the sentence."""
        job = Job(next(self._ids), piece, voice, options)
        async for chunk in self._run(job.id, job_to_wire(job)):
            yield chunk

    async def prepare(self, voice: Voice) -> None:
        """Have a cloned voice's clips taken in; raises InvalidRequest when they cannot be used."""
        job_id = next(self._ids)
        message: Message = {"type": "prepare", "job": job_id, "voice": voice_to_wire(voice)}
        async for _ in self._run(job_id, message):
            pass

    def ping(self) -> None:
        """Ask for the memory in use; the answer arrives in ``device_memory``."""
        self._post({"type": "ping"})

    @property
    def device(self) -> str:
        """Where it computes."""
        return self._context.device

    async def drained(self, limit: float) -> None:
        """Wait until no job has been open for a moment (requests come back with their next piece), or ``limit`` s."""
        end = time.monotonic() + limit
        idle_since = time.monotonic()
        while self.pid is not None and (now := time.monotonic()) < end and now - idle_since < _PIECE_GAP:
            if self._jobs:
                idle_since = now
            await asyncio.sleep(0.02)

    async def stop(self, grace: float = 2.0) -> None:
        """End the process: politely, then not."""
        self._stopping = True
        for inbox in list(self._jobs.values()):
            inbox.put_nowait(WorkerDied(f"The {self.engine} engine was unloaded."))
        if self._process is None:
            return
        self._process.close()
        end = time.monotonic() + grace
        while self.pid is not None and time.monotonic() < end:
            await asyncio.sleep(0.02)
        self.kill()

    def kill(self) -> None:
        """End the process now."""
        self._stopping = True
        if self._process:
            self._process.kill()

    async def _run(self, job_id: int, message: Message) -> AsyncGenerator[AudioChunk, None]:
        inbox: asyncio.Queue[_Item] = asyncio.Queue()
        if self.pid is None:
            raise WorkerDied(f"The {self.engine} engine has stopped.")
        self._jobs[job_id] = inbox
        self._post(message)
        limit = self._deadlines().first_chunk
        finished = False
        try:
            while True:
                try:
                    item = await self._next(inbox, limit)
                except asyncio.TimeoutError as error:
                    finished = True
                    log.error("%s has been silent for %g s: ending its worker", self.engine, limit)
                    self._end_hung()
                    raise SynthesisFailed(
                        f"The {self.engine} engine did not answer within {limit:g} s and was restarted.",
                        code="engine_stalled",
                    ) from error
                limit = self._deadlines().stall
                if item is None:
                    finished = True
                    return
                if isinstance(item, SpeechError):
                    finished = True
                    raise item
                yield item
        finally:
            self._jobs.pop(job_id, None)
            if not finished:
                self._post({"type": "cancel", "job": job_id})

    async def _next(self, inbox: asyncio.Queue[_Item], limit: float) -> _Item:
        """The job's next item; asyncio.TimeoutError once the worker has had no word for any job for ``limit`` s.

        Jobs wait for one another in there, so the silence of one alone means nothing.
        """
        since = time.monotonic()
        while True:
            left = max(since, self._last_word) + limit - time.monotonic()
            try:
                return await within(max(0.0, left), inbox.get())
            except asyncio.TimeoutError:
                if left <= 0:
                    raise

    def _end_hung(self) -> None:
        """Kill, and say so at once: nobody may be sent here while the process is still dying."""
        if self._process and not self._stopping:
            self._stopping = True
            self._process.kill()
            self._on_exit(HUNG)

    def _post(self, message: Message) -> None:
        if self._process:
            self._process.post(message)

    def _dispatch(self, message: Message, body: bytes) -> None:
        kind = message["type"]
        if kind == "chunk":
            self._deliver(message["job"], chunk_from_wire(message, body))
        elif kind == "end":
            self._deliver(message["job"], None)
        elif kind == "error":
            self._deliver(message["job"], error_from_wire(message["error"]))
        elif kind == "progress":
            self._context.report(message["detail"], message["fraction"])
        elif kind == "loaded":
            self.voices = [voice_from_wire(voice) for voice in message["voices"]]
            self.at_once = message["at_once"]
            self.load_seconds = message["seconds"]
            if not self._loaded.done():
                self._loaded.set_result(None)
        elif kind == "load_failed":
            if not self._loaded.done():
                self._loaded.set_exception(error_from_wire(message["error"]))
        elif kind == "pong":
            self.device_memory = message["memory"]

    def _deliver(self, job_id: int, item: _Item) -> None:
        self._last_word = time.monotonic()
        inbox = self._jobs.get(job_id)
        if inbox is not None:
            inbox.put_nowait(item)

    def _ended(self, status: int, reason: str) -> None:
        error = WorkerDied(f"The {self.engine} engine {reason} unexpectedly (exit status {status}).")
        if not self._loaded.done():
            self._loaded.set_exception(error)
            self._loaded.exception()  # start() may have given up waiting
        for inbox in list(self._jobs.values()):
            inbox.put_nowait(error)
        if not self._stopping:
            self._on_exit(status)
