"""RVC's process is watched: unused, it is ended."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from server.conversion.process import Launch
from server.errors import Unavailable
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


def test_a_device_that_cannot_be_used_is_told_before_anything_is_spoken(tmp_path: Path) -> None:
    def launch() -> Launch:
        raise Unavailable("RVC cannot run on cuda: no NVIDIA card answers.")

    with pytest.raises(Unavailable, match="no NVIDIA card"):
        Converters(tmp_path, launch).open(RvcChoice("Ghost"), 24_000)
