"""Which device an engine gets, and what is said when the one asked for cannot be had."""

from __future__ import annotations

import importlib.machinery
from pathlib import Path

import pytest

from server.engines import devices
from server.engines.devices import device_for, problem, torch_build
from server.errors import InvalidRequest, Unavailable

pytestmark = pytest.mark.unit

CARDS = ("NVIDIA RTX 4090, 24564 MiB", "NVIDIA RTX 3060, 12288 MiB")
VERSION = "__version__ = '2.13.0'\ncuda: Optional[str] = {cuda}\nhip: Optional[str] = {hip}\n"


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Makes a machine: its cards, and the file by which torch says what it was built for."""

    def make(cards: tuple[str, ...] = (), cuda: str = "None", hip: str = "None", torch: bool = True) -> None:
        package = tmp_path / "torch"
        package.mkdir()
        (package / "version.py").write_text(VERSION.format(cuda=cuda, hip=hip), encoding="utf-8")
        spec = importlib.machinery.ModuleSpec("torch", None, is_package=True)
        spec.submodule_search_locations = [str(package)]
        monkeypatch.setattr(devices.importlib.util, "find_spec", lambda name: spec if torch else None)
        monkeypatch.setattr(devices, "nvidia_cards", lambda: list(cards))
        monkeypatch.setattr(devices.sys, "platform", "linux")
        devices.torch_build.cache_clear()
        devices._cards.cache_clear()

    yield make
    devices.torch_build.cache_clear()
    devices._cards.cache_clear()


def test_auto_takes_the_card_where_torch_can_use_it(machine) -> None:
    machine(CARDS, cuda="'13.0'")
    assert torch_build() == "cuda"
    assert device_for("auto", ("cuda", "mps", "cpu"), "XTTS") == "cuda"
    assert device_for("auto", ("cpu",), "Piper") == "cpu"
    assert device_for(" CUDA:1 ", ("cuda", "cpu"), "XTTS") == "cuda:1"


def test_auto_is_the_cpu_where_torch_is_built_for_it_and_cuda_says_what_mends_it(machine) -> None:
    machine(CARDS)
    assert torch_build() == "cpu"
    assert device_for("auto", ("cuda", "cpu"), "XTTS") == "cpu"
    with pytest.raises(Unavailable, match=r"RTX 4090.*built for the CPU.*python3 -m server install torch") as caught:
        device_for("cuda", ("cuda", "cpu"), "XTTS")
    assert caught.value.code == "device_not_usable"


def test_without_torch_yet_the_card_counts(machine) -> None:
    machine(CARDS, torch=False)
    assert torch_build() is None
    assert device_for("auto", ("cuda", "cpu"), "XTTS") == "cuda"


def test_a_card_that_is_not_there_is_named_with_those_that_are(machine) -> None:
    machine(CARDS, cuda="'13.0'")
    with pytest.raises(Unavailable, match=r"no card 2.*0: NVIDIA RTX 4090.*1: NVIDIA RTX 3060"):
        device_for("cuda:2", ("cuda", "cpu"), "XTTS")


def test_no_card_at_all(machine) -> None:
    machine((), cuda="'13.0'")
    assert device_for("auto", ("cuda", "cpu"), "XTTS") == "cpu"
    with pytest.raises(Unavailable, match="nvidia-smi"):
        device_for("cuda", ("cuda", "cpu"), "XTTS")


def test_amds_build_is_known_and_wants_its_driver(machine) -> None:
    machine((), hip="'6.4'")
    assert torch_build() == "rocm"
    expected = None if Path("/dev/kfd").exists() else "no AMD card"
    assert (problem("cuda") or "").startswith(expected or "")


def test_apples_gpu_is_only_in_apples_processors(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine()
    with pytest.raises(Unavailable, match="Apple"):
        device_for("mps", ("mps", "cpu"), "XTTS")
    monkeypatch.setattr(devices.sys, "platform", "darwin")
    monkeypatch.setattr(devices.platform, "machine", lambda: "arm64")
    assert device_for("auto", ("cuda", "mps", "cpu"), "XTTS") == "mps"


def test_a_device_the_engine_does_not_know_is_refused(machine) -> None:
    machine(CARDS, cuda="'13.0'")
    with pytest.raises(InvalidRequest, match="Piper runs on cpu, not on cuda"):
        device_for("cuda", ("cpu",), "Piper")
