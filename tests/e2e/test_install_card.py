"""Installing beside a graphics card: what fits it is offered, and given when it is asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.clone import POSIX, Clone
from tests.nvidia import driver_says

pytestmark = pytest.mark.e2e


@POSIX
def test_a_first_start_beside_a_card_stays_on_the_cpu_and_offers(clone: Clone, tmp_path: Path) -> None:
    path = driver_says("case $1 in *driver*) echo 580.65;; *) echo 'Example 4090, 24564 MiB';; esac", tmp_path / "bin")
    clone.write("torch", "# build: torch\ntorch\n")
    clone.write("kokoro-torch", "# size: 5\n# needs: kokoro torch\n# offer: nvidia\nextra\n")
    first = clone.run(PATH=path)
    assert first.returncode == 7
    assert "graphics card (Example 4090, 24564 MiB)" in first.stderr
    assert "-m server install kokoro-torch    (2705 MB to download)" in first.stderr
    assert "torch" not in json.loads(first.stdout)["packages"]
    assert clone.run(PATH=path).stderr == ""


@POSIX
def test_pytorch_is_exchanged_when_a_card_has_come(installed: Clone, tmp_path: Path) -> None:
    """Only when it is asked for by its name: gigabytes, and pip would keep the version it has."""
    for build in ("cpu", "cu130"):
        installed.build("torch", f"2.13.0+{build}", version=f"__version__ = '2.13.0+{build}'\n")
    installed.write("torch", "# title: PyTorch\n# build: torch\ntorch>=2.10\n")
    installed.write("voice", "# needs: torch\nextra\n")
    hidden = installed.index / "torch-2.13.0+cu130-py3-none-any.whl"
    aside = hidden.rename(tmp_path / hidden.name)  # else pip takes it, as it would from the card's index
    assert installed.run("install", "voice").returncode == 0
    assert installed.serve()["packages"]["torch"] == "2.13.0+cpu"
    aside.rename(hidden)

    said = "case $1 in *driver*) echo 580.65, 8.9;; *) echo 'A 4090';; esac"
    path = driver_says(said, tmp_path / "bin")
    assert installed.run("install", "voice", PATH=path).returncode == 0
    assert installed.serve(PATH=path)["packages"]["torch"] == "2.13.0+cpu"
    hidden.rename(aside)
    (installed.index / "torch-2.13.0+cpu-py3-none-any.whl").rename(tmp_path / "cpu.whl")
    assert installed.run("install", "torch", PATH=path).returncode == 1
    assert installed.serve(PATH=path)["packages"]["torch"] == "2.13.0+cpu", "nothing is lost without a network"
    aside.rename(hidden)
    done = installed.run("install", "torch", PATH=path)
    assert done.returncode == 0, done.stderr
    assert "it is exchanged" in done.stderr
    assert "PyTorch for NVIDIA cards, CUDA 13.0: at most 2700 MB" in done.stderr
    packages = installed.serve(PATH=path)["packages"]
    assert packages["torch"] == "2.13.0+cu130"
    assert "extra" in packages
    runs = installed.pip_runs()
    assert installed.run("install", "torch", PATH=path).returncode == 0
    assert installed.pip_runs() == runs, "the right build is left alone"
