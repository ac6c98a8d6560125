"""RVC's process: failures are told as they are, what cannot be mended is replaced, and memory is given back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from server.conversion.process import Launch, RvcProcess
from server.conversion.rvc.model import Converted, RvcModel, Window
from server.conversion.rvc.settings import ConversionSettings
from server.errors import RESTART, SpeechError, SynthesisFailed, Unavailable
from server.speech.conversion import Converters
from server.speech.rendition import RvcChoice
from tests.torch_needed import need

need("torch", "safetensors", command="python3 -m server install rvc")

pytestmark = pytest.mark.contract

ROOT = Path(__file__).resolve().parents[2]

SERVER = """
import sys
from pathlib import Path
from server.conversion.process import Launch, RvcProcess
from server.conversion.rvc.settings import ConversionSettings
from tests.contract.test_rvc_process import WINDOW

folder = Path(sys.argv[1])
process = RvcProcess(lambda: Launch("cpu"), folder, folder, worker="tests.contract.broken_rvc")
process.convert_window(WINDOW, ConversionSettings("slow"))
"""

WINDOW = Window(np.linspace(-0.5, 0.5, 480, dtype=np.float32), 24_000)


class Rvc:
    """A process with a model that fails when asked to, and the settings it is started with."""

    def __init__(self, folder: Path) -> None:
        self.launch = Launch("cpu")
        self.now = 0.0
        self.process = RvcProcess(
            lambda: self.launch, folder, folder, worker="tests.contract.broken_rvc", clock=lambda: self.now
        )

    def convert(self, voice: str = "echo") -> Converted:
        return self.process.convert_window(WINDOW, ConversionSettings(voice))

    def failure(self, voice: str) -> SpeechError:
        with pytest.raises(SynthesisFailed) as caught:
            self.convert(voice)
        return caught.value


@pytest.fixture
def rvc(tmp_path: Path) -> Iterator[Rvc]:
    made = Rvc(tmp_path)
    yield made
    made.process.close()


def test_failures_are_told_as_they_are_and_leave_the_process_alive(rvc: Rvc) -> None:
    assert np.array_equal(rvc.convert().samples, WINDOW.samples)
    pid = rvc.process.pid
    full = rvc.failure("full")
    assert full.code == "out_of_memory"
    assert "The RVC voice 'full' ran out of memory on the graphics card" in full.message
    assert rvc.failure("starved").code == "out_of_memory"
    odd = rvc.failure("odd")
    assert (odd.code, odd.message) == ("synthesis_failed", "The RVC voice 'odd' failed: shapes do not fit")
    assert np.array_equal(rvc.convert().samples, WINDOW.samples)
    assert rvc.process.pid == pid
    assert rvc.process.memory()["cuda"] == 1002, "what was held without need was given back, twice"


def test_a_broken_card_gets_a_new_process(rvc: Rvc) -> None:
    rvc.convert()
    pid = rvc.process.pid
    assert rvc.failure("burnt").code == RESTART
    assert rvc.process.pid is None
    assert np.array_equal(rvc.convert().samples, WINDOW.samples)
    assert rvc.process.pid not in (None, pid)


@pytest.mark.parametrize("how", ["garbled", "huge", "mute"])
def test_a_process_that_answers_rubbish_is_ended_and_the_next_window_is_answered_by_another(rvc: Rvc, how: str) -> None:
    rvc.convert()
    pid = rvc.process.pid
    failure = rvc.failure(how)
    assert failure.code == "worker_died"
    assert "sent an answer that cannot be read and will be started again" in failure.message
    assert rvc.process.pid is None, "what it says next would be taken for an answer to the next window"
    assert np.array_equal(rvc.convert().samples, WINDOW.samples)
    assert rvc.process.pid not in (None, pid)


def test_it_is_ended_when_nobody_has_used_it_and_comes_back(rvc: Rvc) -> None:
    assert (rvc.process.memory(), rvc.process.device) == ({}, "")
    assert not rvc.process.end_when_idle(60)
    rvc.convert()
    assert rvc.process.memory()["process"] > 1_000_000
    assert rvc.process.device == "cpu"
    rvc.now = 59.0
    assert not rvc.process.end_when_idle(60)
    rvc.now = 60.0
    assert rvc.process.end_when_idle(60)
    assert (rvc.process.pid, rvc.process.memory(), rvc.process.device) == (None, {}, "")
    assert np.array_equal(rvc.convert().samples, WINDOW.samples)
    assert not rvc.process.end_when_idle(60), "it was used a moment ago"


def test_a_process_that_fetches_its_models_may_take_its_time_and_one_that_is_silent_may_not(rvc: Rvc) -> None:
    rvc.convert()
    pid = rvc.process.pid
    rvc.process._timeout = 5.0
    assert np.array_equal(rvc.convert("fetched").samples, WINDOW.samples)
    assert rvc.process.pid == pid
    assert rvc.failure("slow").code == "worker_died"


def test_closing_does_not_wait_for_the_window_of_a_process_that_is_just_being_started(rvc: Rvc) -> None:
    starting, go_on = threading.Event(), threading.Event()

    def launch() -> Launch:
        starting.set()
        assert go_on.wait(30)
        return Launch("cpu")

    rvc.process._launch = launch
    with ThreadPoolExecutor(1) as pool:
        converting = pool.submit(rvc.failure, "slow")
        assert starting.wait(30)
        threading.Timer(0.2, go_on.set).start()
        began = time.monotonic()
        rvc.process.close()
        assert time.monotonic() - began < 60, "the window takes 100"
        assert converting.result(30).code == "worker_died"
    assert rvc.process.pid is None


def test_it_ends_in_mid_window_with_a_server_that_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SERVER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        assert any("in mid-window" in line for line in server.stderr)
        server.kill()
        # Its standard error is the worker's as well: it stays open for as long as either lives.
        try:
            server.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            pytest.fail("the window takes 100 seconds, and the worker lives on for it")


def test_a_rehearsal_starts_it_and_counts_as_use(rvc: Rvc, tmp_path: Path) -> None:
    converters = Converters(tmp_path, lambda: rvc.launch)
    converters.process = rvc.process
    asyncio.run(converters.rehearse(RvcChoice("echo")))
    pid = rvc.process.pid
    assert pid is not None
    with pytest.raises(SynthesisFailed, match="shapes do not fit"):
        asyncio.run(converters.rehearse(RvcChoice("odd")))
    rvc.convert()
    assert rvc.process.pid == pid, "the one that was prepared"
    rvc.now = 60.0
    assert rvc.process.end_when_idle(60)


def test_changed_settings_are_taken_with_the_next_window(rvc: Rvc) -> None:
    assert rvc.convert().phases.tolist() == [0.0, 0.0]
    pid = rvc.process.pid
    rvc.launch = Launch("cpu", memory_gb=2.5)
    assert rvc.convert().phases.tolist() == [2.5, 2.5]
    assert rvc.process.pid != pid


def test_the_real_model_opens_its_device_with_the_ceiling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from server.engines import torch_runtime

    opened: list[tuple[str, float]] = []

    def open_device(name: str, memory_gb: float = 0.0) -> object:
        opened.append((name, memory_gb))
        raise Unavailable("This torch cannot use the graphics card.", code="device_not_usable")

    monkeypatch.setattr(torch_runtime, "open_device", open_device)
    model = RvcModel("cuda:1", tmp_path, tmp_path, memory_gb=3.0)
    with pytest.raises(Unavailable, match="cannot use"):
        model.convert_window(WINDOW, ConversionSettings("x"))
    assert opened == [("cuda:1", 3.0)]
    assert model.memory() == {}
    model.free()
