"""RVC among many listeners: it holds up nobody else, serves them in turn, ends where they do; unused, it is ended."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import AsyncGenerator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.audio.chunk import AudioChunk, WordTime
from server.conversion.process import Launch, RvcProcess
from server.conversion.rvc import turn
from server.conversion.rvc.model import Converted, Window
from server.conversion.rvc.settings import ConversionSettings
from server.engines.base import Capabilities
from server.errors import SynthesisFailed, Unavailable
from server.speech.conversion import Converters
from server.speech.lane import Turn
from server.speech.rendition import Line, Rendition, RvcChoice
from server.speech.scheduler import Scheduler
from server.speech.speaker import Speaker
from server.text.piece import Piece
from server.voices.voice import Voice

pytestmark = pytest.mark.unit


class FakeProcess:
    """Has been idle for longer each time somebody looks."""

    def __init__(self) -> None:
        self.limits: list[float] = []

    def end_when_idle(self, seconds: float) -> bool:
        self.limits.append(seconds)
        return len(self.limits) == 2


def test_an_unused_process_is_ended_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "troupe.rvc")
    monkeypatch.setattr("server.speech.conversion._LOOK", 0.02)

    async def run() -> list[float]:
        converters = Converters(tmp_path, lambda: Launch("cpu"))
        fake = converters.process = FakeProcess()  # type: ignore[assignment]
        watch = asyncio.create_task(converters.unload_when_idle(lambda: 0.01))
        while len(fake.limits) < 3:
            await asyncio.sleep(0.005)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        before = len(fake.limits)
        never = asyncio.create_task(converters.unload_when_idle(lambda: 0.0))
        await asyncio.sleep(0.2)
        assert not never.done()  # the setting may change
        assert len(fake.limits) == before
        never.cancel()
        await asyncio.gather(never, return_exceptions=True)
        return fake.limits

    assert set(asyncio.run(run())) == {0.01}
    assert [record.message for record in caplog.records] == [
        "ended the voice conversion after 0.01 s without use"
    ]


def test_its_figures_can_be_read_while_it_is_being_ended(tmp_path: Path) -> None:
    process = RvcProcess(lambda: Launch("cpu"), tmp_path, tmp_path)

    class Ending:
        """Is taken away, by the thread that converts, just when somebody looks at it."""

        pid = 1

        def poll(self) -> None:
            process._process = None

    for read in (lambda: process.pid, lambda: process.device, process.memory):
        process._process, process._launched = Ending(), Launch("cpu")  # type: ignore[assignment]
        read()


def test_a_device_that_cannot_be_used_is_told_before_anything_is_spoken(tmp_path: Path) -> None:
    def launch() -> Launch:
        raise Unavailable("RVC cannot run on cuda: no NVIDIA card answers.")

    with pytest.raises(Unavailable, match="no NVIDIA card"):
        Converters(tmp_path, launch).open(RvcChoice("Ghost"), 24_000, Turn())


class Windows:
    """Stands in for RVC's process: each window waits until it is let, and comes back as it is."""

    def __init__(self) -> None:
        self.voices: list[str] = []
        """Of the windows begun."""
        self.threads: set[str] = set()
        self.broken = False
        self._lets = threading.Semaphore(0)

    def convert_window(self, window: Window, settings: ConversionSettings) -> Converted:
        self.voices.append(settings.voice)
        self.threads.add(threading.current_thread().name)
        assert self._lets.acquire(timeout=30)
        if self.broken:
            raise SynthesisFailed("The RVC voice is broken.")
        frames = len(window.samples) * 100 // window.rate
        return Converted(window.samples, window.rate, np.zeros(frames, np.float32))

    def let(self, count: int) -> None:
        self._lets.release(count)

    async def begun(self, count: int) -> None:
        """Wait until so many windows are begun, and a little for one too many."""
        end = asyncio.get_running_loop().time() + 30
        while len(self.voices) < count:
            assert asyncio.get_running_loop().time() < end, self.voices
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)


class Sentence:
    """An engine that gives a sentence of ten seconds in one chunk, as Kokoro does."""

    current = "tone"
    chunk = AudioChunk(
        np.sin(np.arange(240_000, dtype=np.float32)), 24_000, tuple(WordTime(n, n + 0.5, n, n + 1) for n in range(10))
    )

    def __init__(self) -> None:
        self.problem: SynthesisFailed | None = None
        self.stopped = 0
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    def capabilities(self, name: str) -> Capabilities:
        return Capabilities("tone", "Tone", "", ("en",), 24_000, "", "")

    def at_once(self, name: str) -> int:
        return 1

    async def ready(self, timeout: float, name: str) -> None:
        return None

    async def speak(self, *job: Any) -> AsyncGenerator[AudioChunk, None]:
        yield self.chunk
        try:
            await self.goes_on.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        if self.problem is not None:
            raise self.problem


class Stage:
    """Listeners whose voices are converted."""

    def __init__(self, home: Path) -> None:
        self.windows = Windows()
        self.converters = Converters(home, lambda: Launch("cpu"))
        self.converters.process = self.windows  # type: ignore[assignment]
        self.engine = Sentence()
        self.speaker = Speaker(Scheduler(self.engine, lambda: 16), self.converters.open)  # type: ignore[arg-type]

    def speak(self, voice: str, turn: Turn | None = None) -> AsyncGenerator[AudioChunk, None]:
        """Convert to ``voice``; without a name, the engine's own is heard."""
        rendition = Rendition(Voice("v", "tone", "V"), "en", rvc=RvcChoice(voice) if voice else None)
        return self.speaker.speak(turn or Turn(), Line(Piece("Ten seconds.", 0, 12), rendition), 24_000)

    async def queued(self, count: int) -> None:
        """Wait until so many wait for RVC."""
        end = asyncio.get_running_loop().time() + 30
        while self.converters._thread._lane.waiting < count:
            assert asyncio.get_running_loop().time() < end
            await asyncio.sleep(0.005)

    async def whole(self, voice: str, turn: Turn | None = None) -> list[AudioChunk]:
        async with aclosing(self.speak(voice, turn)) as chunks:
            return [chunk async for chunk in chunks]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path)
    yield made
    made.windows.let(1_000)  # a thread that still waits would hold up the end of the tests


async def all_of(tasks: list[asyncio.Task[Any]]) -> None:
    await asyncio.wait_for(asyncio.gather(*tasks), 30)


def test_what_waits_for_rvc_keeps_no_thread_from_other_work(stage: Stage) -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        listeners = [asyncio.create_task(stage.whole(f"{n}")) for n in range(3)]
        rehearsal = asyncio.create_task(stage.converters.rehearse(RvcChoice("rehearsed")))
        try:
            await stage.windows.begun(1)
            await asyncio.wait_for(asyncio.to_thread(lambda: None), 10)
        finally:
            stage.windows.let(1_000)
            await all_of([*listeners, rehearsal])

    asyncio.run(run())
    assert len(stage.windows.threads) == 1


def test_sound_is_heard_with_the_first_window_and_a_stop_converts_no_other(stage: Stage) -> None:
    async def run() -> None:
        stage.windows.let(2)
        async with aclosing(stage.speak("stopped")) as chunks:
            first = await asyncio.wait_for(anext(chunks), 10)
            assert first.seconds == pytest.approx(0.48)
            await asyncio.wait_for(anext(chunks), 10)
            third = asyncio.create_task(anext(chunks))
            await stage.windows.begun(3)
            third.cancel()
            await asyncio.wait({third}, timeout=10)
            assert third.cancelled(), "who stops does not wait for the window that is being converted"
        stage.windows.let(1_000)
        await asyncio.wait_for(stage.whole("next"), 30)

    asyncio.run(run())
    assert stage.windows.voices[:4] == ["stopped"] * 3 + ["next"]


def test_the_time_of_a_conversion_counts_as_work_for_its_listener(stage: Stage) -> None:
    async def run() -> float:
        turn = Turn()
        speaking = asyncio.create_task(stage.whole("worked", turn))
        await stage.windows.begun(1)
        loop = asyncio.get_running_loop()
        held = loop.time()
        await asyncio.sleep(0.3)
        held = loop.time() - held
        stage.windows.let(1_000)
        await all_of([speaking])
        return turn.work - held

    assert asyncio.run(run()) >= 0


def test_who_stops_while_waiting_is_not_converted(stage: Stage) -> None:
    async def run() -> None:
        speaking = asyncio.create_task(stage.whole("first"))
        await stage.windows.begun(1)
        waiting = asyncio.create_task(stage.whole("gone"))
        await stage.queued(1)
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=10)
        stage.windows.let(1_000)
        await all_of([speaking])

    asyncio.run(run())
    assert set(stage.windows.voices) == {"first"}


def test_listeners_are_served_in_turn_however_much_each_wants(stage: Stage) -> None:
    async def run() -> None:
        greedy = Turn()
        listeners = [asyncio.create_task(stage.whole("greedy", greedy)) for _ in range(4)]
        await stage.windows.begun(1)
        listeners.append(asyncio.create_task(stage.whole("modest")))
        await stage.queued(len(listeners) - 1)
        stage.windows.let(1_000)
        await all_of(listeners)

    asyncio.run(run())
    meanwhile = stage.windows.voices[1:20]
    assert 8 <= meanwhile.count("modest") <= 11, meanwhile


def test_a_window_that_fails_for_nobody_is_no_noise_and_the_next_is_converted(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        gone = asyncio.create_task(stage.whole("gone"))
        await stage.windows.begun(1)
        gone.cancel()
        await asyncio.wait({gone}, timeout=10)
        stage.windows.broken = True
        stage.windows.let(1)
        waiting = asyncio.create_task(stage.whole("next"))
        await stage.windows.begun(2)
        stage.windows.broken = False
        stage.windows.let(1_000)
        await all_of([waiting])

    asyncio.run(run())
    assert not caplog.records


def test_what_is_converted_in_parts_is_the_whole_with_its_words(stage: Stage) -> None:
    stage.windows.let(1_000)
    chunks = asyncio.run(stage.whole("echo"))
    np.testing.assert_allclose(np.concatenate([chunk.samples for chunk in chunks]), Sentence.chunk.samples, atol=1e-5)
    at, heard = 0.0, []
    for chunk in chunks:
        heard += [(round(at + word.start, 3), word.text_start) for word in chunk.words]
        at += chunk.seconds
    assert heard == [(float(n), n) for n in range(10)]
    assert len(stage.windows.voices) == 11


def test_the_engine_is_free_while_what_it_said_is_being_converted(stage: Stage) -> None:
    async def run() -> None:
        converted = asyncio.create_task(stage.whole("slow"))
        await stage.windows.begun(1)
        assert await asyncio.wait_for(stage.whole(""), 10) == [Sentence.chunk]
        stage.windows.let(1_000)
        await all_of([converted])

    asyncio.run(run())


def test_what_fails_in_the_engine_is_told_behind_what_was_said_before(stage: Stage) -> None:
    stage.windows.let(1_000)
    stage.engine.problem = SynthesisFailed("The model failed.")

    heard: list[float] = []

    async def run() -> None:
        async for chunk in stage.speak("echo"):
            heard.append(chunk.seconds)

    with pytest.raises(SynthesisFailed, match="The model failed"):
        asyncio.run(run())
    assert sum(heard) > 8


def test_a_stop_reaches_the_engine_behind_a_conversion(stage: Stage) -> None:
    async def run() -> None:
        stage.engine.goes_on.clear()
        speaking = asyncio.create_task(stage.whole("slow"))
        await stage.windows.begun(1)
        speaking.cancel()
        await asyncio.wait({speaking}, timeout=10)
        assert stage.engine.stopped == 1
        stage.engine.goes_on.set()
        assert await asyncio.wait_for(stage.whole(""), 10) == [Sentence.chunk]

    asyncio.run(run())


def test_a_file_that_takes_too_long_is_told_before_the_process_is_taken_for_hung() -> None:
    patience = inspect.signature(RvcProcess).parameters["timeout"].default
    assert patience >= turn.SECONDS + 30
