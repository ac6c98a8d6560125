"""Whose piece is next, and what happens when a worker dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import numpy as np
import pytest

from server.audio.chunk import AudioChunk
from server.engines.base import Capabilities, SynthesisOptions
from server.engines.client import WorkerDied
from server.engines.patience import Patience
from server.errors import Overloaded
from server.speech.lane import Turn
from server.speech.scheduler import Scheduler
from server.text.piece import Piece
from server.voices.voice import Voice

pytestmark = pytest.mark.unit

VOICE = Voice("v", "fake", "V")
OTHER = Voice("v", "other", "V")


class FakeRegistry:
    """Engines that speak one piece at a time, those that are held when they are let."""

    current = "fake"

    def at_once(self, name: str) -> int:
        return self._capabilities.batch_size

    def __init__(self, batch_size: int = 1) -> None:
        self.spoken: list[str] = []
        self.deaths = 0
        self.let = asyncio.Event()
        self.let.set()
        self.held = {"fake"}
        self._capabilities = Capabilities("fake", "Fake", "", ("en",), 24000, "", "", batch_size=batch_size)

    def capabilities(self, name: str | None = None) -> Capabilities:
        return self._capabilities

    async def ready(self, timeout: float, name: str | None = None) -> None:
        return None

    async def speak(
        self, piece: Piece, voice: Voice, options: SynthesisOptions
    ) -> AsyncGenerator[AudioChunk, None]:
        if self.deaths:
            self.deaths -= 1
            raise WorkerDied("gone")
        self.spoken.append(piece.text)
        if voice.engine in self.held:
            await self.let.wait()
        await asyncio.sleep(0)
        yield AudioChunk(np.zeros(10, np.float32), 24000)


def scheduler(registry: FakeRegistry, limit: int = 16) -> Scheduler:
    return Scheduler(registry, lambda: limit)  # type: ignore[arg-type]


async def speak(work: Scheduler, turn: Turn, text: str, voice: Voice = VOICE) -> int:
    piece = Piece(text, 0, len(text))
    return len([chunk async for chunk in work.speak(turn, piece, voice, SynthesisOptions())])


def test_a_waiting_requests_first_piece_goes_before_a_running_ones_next() -> None:
    async def run() -> list[str]:
        registry = FakeRegistry()
        registry.let.clear()
        work, long, short = scheduler(registry), Turn(), Turn()
        tasks = [asyncio.create_task(speak(work, long, "long 1"))]
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(speak(work, long, text)) for text in ("long 2", "long 3")]
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(speak(work, short, "short 1")))
        await asyncio.sleep(0)
        registry.let.set()
        await asyncio.gather(*tasks)
        return registry.spoken

    assert asyncio.run(run()) == ["long 1", "short 1", "long 2", "long 3"]


def test_requests_share_by_characters() -> None:
    async def run() -> list[str]:
        registry = FakeRegistry()
        registry.let.clear()
        work, wordy, terse = scheduler(registry), Turn(), Turn()
        tasks = [asyncio.create_task(speak(work, wordy, "W" * 100)), asyncio.create_task(speak(work, terse, "t"))]
        await asyncio.sleep(0)
        for _ in range(3):
            tasks += [asyncio.create_task(speak(work, wordy, "W" * 100)), asyncio.create_task(speak(work, terse, "t"))]
            await asyncio.sleep(0)
        registry.let.set()
        await asyncio.gather(*tasks)
        return [text[0] for text in registry.spoken]

    assert asyncio.run(run())[:5] == ["W", "t", "t", "t", "t"]


def test_newcomers_one_after_the_other_do_not_keep_a_long_request_waiting() -> None:
    async def run() -> list[str]:
        registry = FakeRegistry()
        work, long, going = scheduler(registry), Turn(), True

        async def chatter() -> None:
            while going:
                await speak(work, Turn(), "s" * 30)

        chatterers = [asyncio.create_task(chatter()) for _ in range(2)]
        for _ in range(5):
            await speak(work, long, "L" * 120)
        going = False
        await asyncio.gather(*chatterers)
        return [text[0] for text in registry.spoken]

    spoken = "".join(asyncio.run(run()))
    # A third of the engine each: eight short pieces for one of four times their length.
    assert [len(short) for short in spoken.strip("s").split("L")[1:-1]] == pytest.approx([8] * 4, abs=2)


def test_each_engine_has_a_queue_of_its_own() -> None:
    async def run() -> None:
        registry = FakeRegistry()
        registry.let.clear()
        work, turn, other = scheduler(registry, limit=2), Turn(), Turn()
        tasks = [asyncio.create_task(speak(work, turn, text)) for text in ("held 1", "held 2")]
        await asyncio.sleep(0)
        assert await speak(work, other, "free", OTHER) == 1
        assert await speak(work, turn, "mixed", OTHER) == 1, "a request that waits for one engine is served by another"
        assert (registry.spoken, work.waiting) == (["held 1", "free", "mixed"], 1)
        registry.let.set()
        await asyncio.gather(*tasks)

    asyncio.run(run())


def test_the_bound_holds_for_each_engine() -> None:
    async def run() -> None:
        work = scheduler(FakeRegistry(), limit=1)
        mine = work.admit(["fake"])
        with pytest.raises(Overloaded):
            work.admit(["other", "fake"])
        theirs = work.admit(["other"])
        assert work.open == 2
        mine.close()
        with pytest.raises(Overloaded):
            work.admit(["other", "fake"])
        theirs.close()
        work.admit(["other", "fake"])
        assert work.open == 1

    asyncio.run(run())


def test_over_the_bound_is_refused_with_a_time() -> None:
    async def run() -> None:
        work = scheduler(FakeRegistry(), limit=2)
        first = work.admit()
        work.admit()
        with pytest.raises(Overloaded) as refusal:
            work.admit()
        assert refusal.value.retry_after
        assert refusal.value.retry_after >= 1
        first.close()
        first.close()
        assert work.open == 1
        work.admit()

    asyncio.run(run())


def test_whoever_is_not_listened_to_keeps_nobody_out_up_to_a_bound() -> None:
    async def run() -> None:
        work = scheduler(FakeRegistry(), limit=2)
        for _ in range(3):
            for turn in (work.admit(), work.admit()):
                turn.resting = True
        turn = work.admit()
        with turn.rest():
            work.admit()
            with pytest.raises(Overloaded, match="8 requests are open"):
                work.admit()
        turn.close()
        work.admit()
        with pytest.raises(Overloaded):
            work.admit()

    asyncio.run(run())


@pytest.mark.parametrize(("deaths", "served"), [(1, True), (2, False)])
def test_a_piece_whose_worker_died_silently_is_tried_once_more(deaths: int, served: bool) -> None:
    async def run() -> None:
        registry = FakeRegistry()
        registry.deaths = deaths
        work = scheduler(registry)
        if served:
            assert await speak(work, Turn(), "hello") == 1
        else:
            with pytest.raises(WorkerDied):
                await speak(work, Turn(), "hello")
        assert await speak(work, Turn(), "next") == 1

    asyncio.run(run())


def test_leaving_while_waiting_frees_the_place() -> None:
    async def run() -> None:
        registry = FakeRegistry()
        registry.let.clear()
        work = scheduler(registry)
        first = asyncio.create_task(speak(work, Turn(), "first"))
        await asyncio.sleep(0)
        waiting = asyncio.create_task(speak(work, Turn(), "gone"))
        await asyncio.sleep(0)
        assert work.waiting == 1
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert work.waiting == 0
        registry.let.set()
        await first
        assert await speak(work, Turn(), "next") == 1
        assert registry.spoken == ["first", "next"]

    asyncio.run(run())


def test_patience() -> None:
    now = 0.0
    patience = Patience(limit=4, window=100, first=1, longest=3, clock=lambda: now)
    assert [patience.failed(), patience.failed(), patience.failed(), patience.failed()] == [0.0, 1.0, 2.0, None]
    now = 200.0
    assert patience.failed() == 0.0
    patience.forget()
    assert [patience.failed(), patience.failed()] == [0.0, 1.0]
