"""RVC's process is watched: unused, it is ended."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import numpy as np
import pytest

from server.audio.chunk import AudioChunk
from server.conversion.process import Launch
from server.conversion.rvc.model import Converted, Window
from server.conversion.rvc.settings import ConversionSettings
from server.errors import Unavailable
from server.patience import within
from server.speech.conversion import Converters
from server.speech.rendition import RvcChoice

pytestmark = pytest.mark.unit


class FakeProcess:
    """Has been idle for longer each time somebody looks."""

    def __init__(self) -> None:
        self.limits: list[float] = []

    def end_when_idle(self, seconds: float) -> bool:
        self.limits.append(seconds)
        return len(self.limits) == 2


def test_an_unused_process_is_ended_and_the_log_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "troupe.rvc")

    async def run() -> list[float]:
        converters = Converters(tmp_path, lambda: Launch("cpu"))
        fake = converters.process = FakeProcess()  # type: ignore[assignment]
        watch = asyncio.create_task(converters.unload_when_idle(0.01))
        while len(fake.limits) < 3:
            await asyncio.sleep(0.005)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await converters.unload_when_idle(0)  # never: it returns at once
        return fake.limits

    assert set(asyncio.run(run())) == {0.01}
    assert [record.message for record in caplog.records] == [
        "ended the voice conversion after 0.01 s without use"
    ]


def test_a_device_that_cannot_be_used_is_told_before_anything_is_spoken(tmp_path: Path) -> None:
    def launch() -> Launch:
        raise Unavailable("RVC cannot run on cuda: no NVIDIA card answers.")

    with pytest.raises(Unavailable, match="no NVIDIA card"):
        Converters(tmp_path, launch).open(RvcChoice("Ghost"), 24_000)


def test_lines_that_wait_for_the_converter_leave_the_threads_to_others(tmp_path: Path) -> None:
    """A process converts one stretch at a time, and asyncio has few threads; sound is encoded and saved on them too."""
    at_work, go_on = threading.Event(), threading.Event()

    class SlowProcess:
        lock = threading.Lock()

        def convert_window(self, window: Window, settings: ConversionSettings) -> Converted:
            with self.lock:
                at_work.set()
                go_on.wait(20)
                return Converted(window.samples, window.rate, np.zeros(1000, np.float32))

    async def run() -> None:
        converters = Converters(tmp_path, lambda: Launch("cpu"))
        converters.process = SlowProcess()  # type: ignore[assignment]
        sound = AudioChunk(np.zeros(24_000, np.float32), 24_000)
        lines = [converters.open(RvcChoice("Ghost"), 24_000) for _ in range(50)]
        waiting = [asyncio.create_task(line.push(sound)) for line in lines]
        try:
            await asyncio.to_thread(at_work.wait, 10)
            await asyncio.sleep(0.1)
            await within(5, asyncio.to_thread(int))
        finally:
            go_on.set()
            await asyncio.gather(*waiting)

    asyncio.run(run())
