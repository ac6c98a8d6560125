"""The tone engine in a real worker process: speaking, stopping, dying, switching."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from server.engines.base import OptionValue, SynthesisOptions
from server.engines.client import Deadlines, WorkerDied
from server.engines.registry import EngineRegistry
from server.engines.setup import EngineSetup
from server.errors import NotFound, SpeechError, SynthesisFailed, Unavailable
from server.text.piece import Piece
from server.voices.voice import Voice

pytestmark = pytest.mark.contract

TABLE = {
    "tone": "server.engines.tone:Tone",
    "broken": "tests.contract.broken_engine:Broken",
    "absent": "tests.contract.broken_engine:Absent",
    "twin": "tests.contract.broken_engine:Twin",
    "duet": "tests.contract.broken_engine:Duet",
    "solo": "tests.contract.broken_engine:Solo",
}


def with_registry(
    work: Callable[[EngineRegistry], Awaitable[None]], folder: Path, deadlines: Deadlines | None = None
) -> None:
    async def run() -> None:
        setup = EngineSetup(models=folder, deadlines=lambda: deadlines or Deadlines(), restart_seconds=0.1)
        registry = EngineRegistry(setup, TABLE)
        try:
            await registry.load("tone")
            await work(registry)
        finally:
            await registry.close()

    asyncio.run(run())


def voice(registry: EngineRegistry, name: str = "high") -> Voice:
    return next(voice for voice in registry.voices() if voice.id == name)


async def speak(registry: EngineRegistry, text: str, **values: OptionValue) -> float:
    await registry.ready(10)
    seconds = 0.0
    options = SynthesisOptions(values=values)
    async for chunk in registry.speak(Piece(text, 0, len(text)), voice(registry), options):
        seconds += chunk.seconds
    return seconds


def test_words_come_with_their_times(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        piece = Piece("one three", 0, 9)
        chunks = [c async for c in registry.speak(piece, voice(registry), SynthesisOptions())]
        assert [(w.text_start, w.text_end) for chunk in chunks for w in chunk.words] == [(0, 3), (4, 9)]
        assert chunks[0].seconds == pytest.approx(0.2, abs=0.01)

    with_registry(work, tmp_path)


def test_a_death_is_told_and_survived(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        before = registry.worker_pid
        with pytest.raises(WorkerDied):
            await speak(registry, "a tonecrash")
        assert await speak(registry, "hello") > 0
        assert registry.restarts == 1
        assert registry.worker_pid != before

    with_registry(work, tmp_path)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_kill_in_mid_sentence(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        task = asyncio.create_task(speak(registry, "word " * 20, delay=1.0))
        await asyncio.sleep(0.5)
        assert registry.worker_pid
        os.kill(registry.worker_pid, signal.SIGKILL)
        with pytest.raises(WorkerDied):
            await task
        assert await speak(registry, "hello") > 0

    with_registry(work, tmp_path)


def test_a_hung_model_is_ended(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        with pytest.raises(SynthesisFailed, match="did not answer"):
            await speak(registry, "tonehang")
        assert await speak(registry, "hello") > 0

    with_registry(work, tmp_path, Deadlines(first_chunk=1.0, stall=1.0))


def test_an_engine_that_keeps_dying_is_given_up(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        for _ in range(5):
            with pytest.raises(WorkerDied):
                await speak(registry, "tonecrash")
        with pytest.raises(Unavailable, match="5 times"):
            await speak(registry, "hello")
        assert registry.state == "degraded"
        await registry.load("tone")
        assert await speak(registry, "hello") > 0

    with_registry(work, tmp_path)


def test_leaving_stops_inside_the_sentence(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        stream = registry.speak(Piece("slow " * 50, 0, 250), voice(registry), SynthesisOptions(values={"delay": 5.0}))
        await anext(stream)
        await stream.aclose()
        started = time.monotonic()
        await speak(registry, "next")
        # 50 words would take over a minute; the engine looks every 10 ms.
        assert time.monotonic() - started < 10

    with_registry(work, tmp_path)


def test_jobs_of_one_batch_do_not_share_a_failure(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        results = await asyncio.gather(
            speak(registry, "one"), speak(registry, "a toneerror"), speak(registry, "three"), return_exceptions=True
        )
        assert [type(result) for result in results] == [float, SynthesisFailed, float]

    with_registry(work, tmp_path)


@pytest.mark.parametrize(
    ("name", "kind"), [("broken", SynthesisFailed), ("absent", Unavailable), ("nosuch", NotFound)]
)
def test_a_failed_switch_leaves_the_old_engine_speaking(tmp_path: Path, name: str, kind: type[SpeechError]) -> None:
    async def work(registry: EngineRegistry) -> None:
        with pytest.raises(kind):
            await registry.load(name)
        assert (registry.current, registry.state) == ("tone", "ready")
        assert await speak(registry, "hello") > 0

    with_registry(work, tmp_path)


def test_unloading_ends_the_process_and_the_next_wish_loads_again(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        assert registry.memory()["process"] > 1_000_000
        await registry.unload()
        assert registry.state == "unloaded"
        assert registry.worker_pid is None
        assert await speak(registry, "hello") > 0

    with_registry(work, tmp_path)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_unloading_between_a_crash_and_the_restart_is_not_undone(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        for _ in range(2):  # the first time it is started again at once
            await registry.ready(10)
            assert registry.worker_pid
            os.kill(registry.worker_pid, signal.SIGKILL)
            while registry.state == "ready":
                await asyncio.sleep(0.005)
        restarting = [*registry._slots["tone"]._tasks]
        assert (registry.state, len(restarting)) == ("loading", 1)
        await registry.unload()
        await asyncio.wait_for(asyncio.gather(*restarting), 10)
        assert (registry.state, registry.worker_pid) == ("unloaded", None)
        assert await speak(registry, "hello") > 0

    with_registry(work, tmp_path)


def test_a_cloned_voice_has_the_pitch_of_its_clip(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        bad = tmp_path / "bad.wav"
        bad.write_bytes(b"RIFFnothing")
        clone = Voice("me", "tone", "Me", kind="clone", clips=(str(bad),))
        with pytest.raises(SpeechError, match="cannot be read"):
            await registry.prepare(clone)

    with_registry(work, tmp_path)




def test_a_failed_switch_from_an_unloaded_engine_leaves_it_usable(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        await registry.unload()
        with pytest.raises(Unavailable):
            await registry.load("absent")
        assert (registry.current, registry.state) == ("tone", "unloaded")
        assert await speak(registry, "hello") > 0

    with_registry(work, tmp_path)


def test_who_waits_while_it_unloads_is_served_by_the_next_load(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        unloading = asyncio.create_task(registry.unload())
        await asyncio.sleep(0)
        await registry.ready(10)
        await unloading
        assert await speak(registry, "hello") > 0

    with_registry(work, tmp_path)


def test_a_client_that_leaves_does_not_stop_the_load_for_others(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        await registry.unload()
        gone = asyncio.create_task(registry.ready(10))
        await asyncio.sleep(0.01)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        for _ in range(500):
            await asyncio.sleep(0.02)
            if registry.state == "ready":
                break
        assert registry.state == "ready"

    with_registry(work, tmp_path)


def test_what_was_begun_is_ended_by_the_engine_switched_away_from(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        old = voice(registry)
        piece = Piece("word " * 10, 0, 50)
        stream = registry.speak(piece, old, SynthesisOptions(values={"delay": 1.0}))
        seconds = (await anext(stream)).seconds
        await registry.load("twin")
        assert registry.current == "twin"
        async for chunk in stream:
            seconds += chunk.seconds
        assert seconds == pytest.approx(2.6, abs=0.05)
        again = [chunk async for chunk in registry.speak(Piece("next", 0, 4), old, SynthesisOptions())]
        assert again

    with_registry(work, tmp_path)


def test_a_worker_ends_with_its_server_even_when_its_model_hangs(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        hung = asyncio.create_task(speak(registry, "tonehang"))
        await asyncio.sleep(0.5)
        slot = registry.slot("tone")
        assert slot
        client = slot.client
        assert client
        assert client._process
        process = client._process._process
        assert process.stdin
        client._stopping = True
        process.stdin.close()  # as when the server dies
        assert await asyncio.to_thread(process.wait, 10) == 0
        hung.cancel()
        await asyncio.gather(hung, return_exceptions=True)

    with_registry(work, tmp_path)


async def until(reached: Callable[[], bool]) -> None:
    for _ in range(1000):
        if reached():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("never")


def test_who_waits_in_the_worker_is_not_taken_for_hung(tmp_path: Path) -> None:
    """Silence counts for the worker, not for a job that stands behind others in there."""

    async def work(registry: EngineRegistry) -> None:
        await registry.load("solo")
        assert registry.at_once("solo") == 1
        assert registry.at_once("tone") == 4
        spoken = await asyncio.gather(*(speak(registry, "one two three", delay=1.5) for _ in range(5)))
        assert all(seconds > 0 for seconds in spoken)
        assert registry.restarts == 0

    with_registry(work, tmp_path, Deadlines(first_chunk=1.5, stall=1.5))


def test_a_second_listener_joins_a_batch_that_goes_on(tmp_path: Path) -> None:
    """And what else is asked meanwhile is answered: a batch others join may never end."""

    async def work(registry: EngineRegistry) -> None:
        await registry.load("duet")
        first = asyncio.create_task(speak(registry, "hello"))
        await asyncio.sleep(0.3)
        assert not first.done()
        await until(lambda: "rests" in registry.memory())
        assert not first.done()
        assert await speak(registry, "hello too") > 0
        assert await first > 0

    with_registry(work, tmp_path)


def test_a_listener_that_leaves_while_waiting_to_join_is_not_said(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        await registry.load("duet")
        alone = asyncio.create_task(speak(registry, "hello"))
        await asyncio.sleep(0.2)
        alone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await alone
        assert all(seconds > 0 for seconds in await asyncio.gather(speak(registry, "one"), speak(registry, "two")))

    with_registry(work, tmp_path)


def test_an_engine_rests_once_when_nothing_is_asked(tmp_path: Path) -> None:
    async def work(registry: EngineRegistry) -> None:
        await registry.load("duet")
        for rests in (1, 2, 3):  # the second fails and is forgotten
            await until(lambda: registry.memory().get("rests", 0) >= rests)  # noqa: B023 - awaited at once
            await asyncio.sleep(0.5)
            registry.memory()
            await asyncio.sleep(0.1)
            assert registry.memory()["rests"] == rests, "once, however long the silence"
            await asyncio.gather(speak(registry, "one"), speak(registry, "two"))

    with_registry(work, tmp_path)
