"""Which graphics card the launcher sees, and which build of PyTorch fits it."""

from __future__ import annotations

import os
import socket
import sys
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from server.boot import torch_build
from server.boot.arguments import parse
from server.boot.hardware import NvidiaSupport, nvidia_cards, nvidia_support
from server.boot.lists import RequirementsList, load_lists
from server.boot.pip import PipFailed, PipRun
from server.boot.torch_build import choose_build, for_this_machine, from_pypi, refuse_silent_exchange
from tests.nvidia import driver_says
from tests.unit.lists import write_list

pytestmark = pytest.mark.unit


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for nvidia-smi is a shell script")
@pytest.mark.parametrize(
    ("script", "cards"),
    [
        ("echo 'NVIDIA Example 4090, 24564 MiB'", ["NVIDIA Example 4090, 24564 MiB"]),
        ("echo 'NVIDIA-SMI has failed'; exit 9", []),
    ],
)
def test_a_card_is_seen_when_its_driver_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, cards: list[str]
) -> None:
    monkeypatch.setenv("PATH", driver_says(script, tmp_path))
    assert nvidia_cards() == cards


@pytest.mark.parametrize(
    ("answer", "capability"),
    [
        ("575.64, 8.9\\n575.64, 6.1", 6.1),
        ("575.64, 12.0", 12.0),
        ("575.64, [N/A]", None),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for nvidia-smi is a shell script")
def test_the_oldest_card_counts(
    answer: str, capability: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", driver_says(f"echo \"$1\" >> {tmp_path}/asked; printf '{answer}'", tmp_path))
    assert nvidia_support() == (575, capability)
    assert (tmp_path / "asked").read_text().count("\n") == 1, "the tool takes its time"


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for nvidia-smi is a shell script")
@pytest.mark.parametrize(
    ("script", "driver"),
    [
        ("case $1 in *cap*) echo 'Field \"compute_cap\" is not valid'; exit 2;; *) echo 470.256.02;; esac", 470),
        ("echo 'NVIDIA-SMI has failed'; exit 9", None),
        ("printf ''", None),
    ],
)
def test_an_old_driver_does_not_know_what_its_cards_can_do(
    script: str, driver: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", driver_says(script, tmp_path))
    assert nvidia_support() == (driver, None)


@pytest.mark.parametrize(
    ("system", "driver", "capability", "words", "options"),
    [
        ("linux", 580, 8.6, "CUDA 13", ["cu130"]),
        ("win32", 595, 12.0, "CUDA 13", ["cu130"]),
        ("linux", 595, None, "CUDA 13", ["cu130"]),
        ("linux", 580, 6.1, "CUDA 12.6", ["cu126", "torch<2.15"]),  # Pascal and Volta ended with CUDA 12
        ("win32", 595, 7.0, "CUDA 12.6", ["cu126", "torch<2.15"]),
        ("linux", 575, 12.0, "CUDA 12.8", ["cu128", "torch<2.12"]),  # Blackwell under an older driver
        ("linux", 575, 8.9, "CUDA 12.6", ["cu126", "torch<2.15"]),
        ("win32", 535, 8.6, "CUDA 12.6", ["cu126", "torch<2.15"]),
        ("linux", 470, 3.5, "driver 470 is too old", ["cpu"]),
        ("win32", 470, None, "driver 470 is too old", []),
        ("linux", None, None, "for the CPU", ["cpu"]),
        ("win32", None, None, "for the CPU", []),
    ],
)
def test_torch_is_built_for_the_card(
    system: str, driver: int | None, capability: float | None, words: str, options: list[str]
) -> None:
    build = choose_build(system, "x86_64", driver, capability, amd=driver is not None)
    assert words in build.title
    assert [option.rpartition("/")[2] for option in build.options() if option != "--extra-index-url"] == options


CPU_BUILD = RequirementsList(
    name="torch",
    path=Path("torch.txt"),
    digest="d",
    title="PyTorch for the CPU",
    size=200.0,
    needs=(),
    pip=("--quiet", "--extra-index-url", f"{torch_build._INDEX}/cpu"),
    offer="",
    build="torch",
    requirements=("torch",),
)


def test_another_build_of_torch_is_not_taken_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        index = f"http://127.0.0.1:{gone.getsockname()[1]}/whl"
    monkeypatch.setattr(torch_build, "_INDEX", index)
    monkeypatch.setattr(torch_build, "_PYPI", ("for NVIDIA cards, CUDA 13", 2700.0))
    chosen = replace(CPU_BUILD, pip=("--extra-index-url", f"{index}/cpu"))
    with pytest.raises(PipFailed) as refused:
        refuse_silent_exchange(chosen)
    said = str(refused.value)
    assert said.startswith("127.0.0.1, from where PyTorch for the CPU (200 MB) comes, does not answer.")
    assert "for NVIDIA cards, CUDA 13, 2700 MB: " in said
    assert said.endswith("install torch --pypi-torch")
    assert parse(["install", "torch", "--pypi-torch"]).pypi_torch
    refuse_silent_exchange(replace(chosen, pip=()))  # PyPI's is the chosen one


def test_an_index_that_answers_is_left_to_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *words: None)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        index = f"http://127.0.0.1:{server.server_address[1]}/nothing-there"
        monkeypatch.setattr(torch_build, "_INDEX", index)
        refuse_silent_exchange(replace(CPU_BUILD, pip=("--extra-index-url", f"{index}/cpu")))
        server.shutdown()
        thread.join()


def test_an_index_that_speaks_no_http_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as rubbish:
        index = f"http://127.0.0.1:{rubbish.getsockname()[1]}/whl"
        monkeypatch.setattr(torch_build, "_INDEX", index)

        def answer() -> None:
            connection, _ = rubbish.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-portal\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(PipFailed, match="does not answer"):
            refuse_silent_exchange(replace(CPU_BUILD, pip=("--extra-index-url", f"{index}/cpu")))
        thread.join()


def test_who_takes_torch_from_pypi_is_told_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_build, "_PYPI", ("for NVIDIA cards, CUDA 13", 2700.0))
    taken = from_pypi(CPU_BUILD)
    assert (taken.title, taken.size, taken.pip) == ("PyTorch for NVIDIA cards, CUDA 13", 2700.0, ("--quiet",))
    plain = replace(CPU_BUILD, pip=("--quiet",))
    assert from_pypi(plain) == plain


@pytest.mark.parametrize(
    ("variables", "own"),
    [({}, False), ({"PIP_FIND_LINKS": "/wheels"}, True), ({"PIP_EXTRA_INDEX_URL": "http://mirror/simple"}, True)],
)
def test_sources_that_pip_was_told_of_are_known(variables: dict[str, str], own: bool, tmp_path: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    pip = PipRun(
        Path(sys.executable), tmp_path, tmp_path / "log", {**environ, "PIP_CONFIG_FILE": os.devnull, **variables}
    )
    assert pip.has_own_sources() is own


def test_torch_is_built_for_amd_and_apple() -> None:
    amd = choose_build("linux", "x86_64", amd=True)
    assert "AMD" in amd.title
    assert amd.options()[1].endswith("/rocm7.2")
    assert choose_build("darwin", "arm64").options() == ()
    assert "Apple" in choose_build("darwin", "arm64").title
    assert "no longer made" in choose_build("darwin", "x86_64").title


@pytest.mark.parametrize(
    ("there", "driver", "capability", "fits"),
    [
        ("2.13.0+cu130", 580, 8.6, True),
        ("2.11.0+cu128", 590, 8.6, True),  # another would be given now, but it runs
        ("2.13.0+cu126", 590, 12.0, False),
        ("2.13.0+cu130", 575, 8.6, False),
        ("2.13.0+cu130", 580, 6.1, False),
        ("2.13.0+cpu", 580, 8.6, False),
        ("2.13.0", 580, 8.6, False),
        ("2.13.0+cpu", None, None, True),
        ("2.13.0", None, None, True),
        ("2.13.0+cu130", None, None, False),
        ("2.13.0+cu126", 470, 8.6, False),
        (None, None, None, False),
    ],
)
def test_a_build_that_is_there_fits_or_not(
    there: str | None,
    driver: int | None,
    capability: float | None,
    fits: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch_build, "nvidia_support", lambda: NvidiaSupport(driver, capability))
    monkeypatch.setattr(torch_build.sys, "platform", "linux")
    if there is not None:
        (tmp_path / "torch").mkdir()
        (tmp_path / "torch" / "version.py").write_text(f"__version__ = '{there}'\ndebug = False\n")
    assert torch_build.fits_this_machine(tmp_path) is fits


def test_only_the_list_that_asks_gets_a_build(tmp_path: Path) -> None:
    write_list(tmp_path, "voice", "# needs: torch\nalpha\n")
    write_list(tmp_path, "torch", "# title: PyTorch\n# build: torch\ntorch\n")
    voice, torch = load_lists(["voice", "torch"], tmp_path)
    chosen = for_this_machine([voice, torch])
    assert chosen[0] == voice
    assert chosen[1].title.startswith("PyTorch ")
    assert chosen[1].title != torch.title
    assert chosen[1].size >= 90
    assert chosen[1].digest == torch.digest
