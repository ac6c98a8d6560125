"""The process an engine lives in: ``python -m server.engines.worker module:Class``.

The main thread owns the model; a second thread reads messages, so that a cancel reaches a running job. The
process ends when its standard input does: it cannot outlive the server, however that ended.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from server.engines.base import Engine, EngineContext, Job
from server.engines.inbox import Inbox
from server.engines.lifeline import claim_input
from server.engines.protocol import (
    Message,
    chunk_to_wire,
    error_to_wire,
    job_from_wire,
    read_message,
    voice_from_wire,
    voice_to_wire,
    write_message,
)
from server.errors import RESTART, Cancelled, SpeechError, SynthesisFailed

log = logging.getLogger("troupe.worker")

_LAST_SECONDS = 2.0
"""How long the main thread may take to end after the server has gone."""
RESTART_ME = 75
"""Exit status of a worker whose model is beyond repair (a sticky device error): a fresh process mends it."""


def load_class(path: str) -> type[Engine]:
    """The engine class at ``module:Class``."""
    module, _, name = path.partition(":")
    found: type[Engine] = getattr(importlib.import_module(module), name)
    return found


class Worker:
    """One engine, its jobs and the two ends of the pipe."""

    def __init__(self, engine_class: type[Engine], source: BinaryIO, sink: BinaryIO) -> None:
        self._engine_class = engine_class
        self._source = source
        self._sink = sink
        self._write_lock = threading.Lock()
        self._inbox = Inbox()
        self._jobs: dict[int, Job] = {}
        self._broken = False

    def run(self) -> int:
        """Load, then speak until the pipe closes; returns the exit status."""
        first = read_message(self._source)
        if first is None:
            return 0
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        engine = self._load(first[0])
        if engine is None:
            return 1
        rest_at = _rest_time(engine)
        while not self._broken:
            try:
                task = self._inbox.take(None if rest_at is None else max(0.0, rest_at - time.monotonic()))
            except TimeoutError:
                self._rest(engine)
                rest_at = None
                continue
            if task is None:
                engine.unload()
                return 0
            if isinstance(task, Job):
                others = self._inbox.jobs(engine.at_once - 1, engine)
                self._speak(engine, [task, *others])
                rest_at = _rest_time(engine)
            else:  # being asked for its memory, as an open Status page does, is no reason to stay awake
                task(engine)
        return RESTART_ME

    def _load(self, message: Message) -> Engine | None:
        context = EngineContext(
            device=message["device"],
            models=Path(message["models"]),
            threads=message["threads"],
            options=message["options"],
            report=lambda detail, fraction: self._send(
                {"type": "progress", "detail": detail, "fraction": fraction}
            ),
        )
        started = time.perf_counter()
        try:
            engine = self._engine_class(context)
            engine.load()
            voices, at_once = [voice_to_wire(voice) for voice in engine.voices()], engine.at_once
        except SpeechError as error:
            self._send({"type": "load_failed", "error": error_to_wire(error)})
            return None
        except Exception as error:
            log.exception("loading failed")
            failed = SynthesisFailed(f"The engine could not be loaded: {_words(error)}")
            self._send({"type": "load_failed", "error": error_to_wire(failed)})
            return None
        seconds = time.perf_counter() - started
        self._send({"type": "loaded", "voices": voices, "at_once": at_once, "seconds": seconds})
        return engine

    def _read(self) -> None:
        """Reader thread: jobs go to the queue, cancels take effect at once."""
        while (received := read_message(self._source)) is not None:
            message = received[0]
            kind = message["type"]
            if kind == "speak":
                job = job_from_wire(message)
                self._jobs[job.id] = job
                self._inbox.put(job)
            elif kind == "cancel":
                job_or_none = self._jobs.get(message["job"])
                if job_or_none is not None:
                    job_or_none.options.cancel.set()
            elif kind == "prepare":
                self._inbox.put(lambda engine, message=message: self._prepare(engine, message))  # type: ignore[misc]
            elif kind == "ping":
                self._inbox.put(
                    lambda engine: self._send({"type": "pong", "memory": dict(engine.memory())})
                )
        for job in list(self._jobs.values()):
            job.options.cancel.set()
        self._inbox.close()
        # The main thread may be stuck in a model or in loading one: nobody is left to wait for it.
        time.sleep(_LAST_SECONDS)
        os._exit(0)

    def _rest(self, engine: Engine) -> None:
        try:
            engine.rest()
        except Exception:  # nobody waits for it, and the next job will tell what is wrong
            log.exception("the engine could not rest")

    def _speak(self, engine: Engine, jobs: Sequence[Job]) -> None:
        open_jobs: dict[int, Job] = {}

        def admitted(found: Sequence[Job]) -> list[Job]:
            """Of these, what somebody still waits for."""
            wanted = []
            for job in found:
                if job.options.cancel.is_set():
                    self._finish(job.id, Cancelled("Stopped."))
                else:
                    open_jobs[job.id] = job
                    wanted.append(job)
            return wanted

        first = admitted(jobs)
        if not first:
            return
        try:
            for job_id, item in engine.synthesize_batch(
                first, lambda most: admitted(self._inbox.jobs(most, engine))
            ):
                if item is None or isinstance(item, SpeechError):
                    if open_jobs.pop(job_id, None) is not None:
                        self._finish(job_id, item)
                elif job_id in open_jobs:
                    self._send(*chunk_to_wire(job_id, item))
        except SpeechError as error:
            self._fail_all(open_jobs, error)
        except MemoryError:
            self._fail_all(open_jobs, SynthesisFailed("The machine is out of memory.", code="out_of_memory"))
        except Exception as error:
            log.exception("synthesis failed")
            self._fail_all(open_jobs, SynthesisFailed(f"The model failed: {_words(error)}"))
        else:
            self._fail_all(open_jobs, SynthesisFailed("The engine ended without finishing the sentence."))

    def _fail_all(self, jobs: dict[int, Job], error: SpeechError) -> None:
        for job_id in list(jobs):
            self._finish(job_id, error)

    def _finish(self, job_id: int, error: SpeechError | None) -> None:
        self._jobs.pop(job_id, None)
        if error is None:
            self._send({"type": "end", "job": job_id})
            return
        self._send({"type": "error", "job": job_id, "error": error_to_wire(error)})
        if error.code == RESTART:
            self._broken = True

    def _prepare(self, engine: Engine, message: Message) -> None:
        try:
            engine.prepare_voice(voice_from_wire(message["voice"]))
        except SpeechError as error:
            self._finish(message["job"], error)
        except Exception as error:
            log.exception("preparing a voice failed")
            self._finish(message["job"], SynthesisFailed(f"The voice could not be prepared: {_words(error)}"))
        else:
            self._finish(message["job"], None)

    def _send(self, head: dict[str, Any], body: bytes = b"") -> None:
        with self._write_lock:
            try:
                write_message(self._sink, head, body)
            except OSError:
                # The server is gone; the reader sees it too and ends the loop.
                log.info("the server is gone")


def _rest_time(engine: Engine) -> float | None:
    return None if engine.rest_after is None else time.monotonic() + engine.rest_after


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def claim_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Standard input and output for frames. What libraries print goes to standard error from here on."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(sink.fileno(), os.O_BINARY)
    return os.fdopen(claim_input(), "rb"), sink


def main() -> int:
    """Run the engine named on the command line until standard input ends."""
    status = Worker(load_class(sys.argv[1]), *claim_pipes()).run()
    # Model libraries may hold threads that never end; nothing is left to save.
    os._exit(status)


if __name__ == "__main__":
    main()
