"""``install`` with the name of a model: what the command line does with it, in a process as a person starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server import bootstrap
from server.boot.arguments import parse
from server.boot.environment import Environment
from server.boot.errors import BootError
from server.boot.lists import FOR_MODELS, WITH_LICENCE, has_list, load_lists
from server.engines.coqui.library import ENGINE
from server.engines.coqui.xtts_files import is_licence_accepted
from server.engines.table import ENGINES
from server.engines.weights import package_file

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[2]
VITS = "tts_models/en/vctk/vits"
listed = pytest.mark.skipif(package_file("TTS", ".models.json") is None, reason="python3 -m server install coqui-vits")


def command(home: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    # A proxy that is not there stands for a machine without a network, wherever the test runs.
    return subprocess.run(
        [sys.executable, "-m", "server", "--home", str(home), "--this-python", *argv],
        cwd=REPOSITORY, env={**os.environ, "https_proxy": "http://127.0.0.1:9"}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["xtts", VITS], "with --this-python, not xtts. Leave it out, or run there: pip install -r server/"),
        (["piper", "xtts", VITS], "with --this-python, not piper, xtts."),
        (["xtts", "--accept-licence"], "requirements/xtts.txt"),
        ([], "with --this-python"),
    ],
)
def test_a_python_of_ones_own_is_fetched_models_for_and_nothing_else(
    tmp_path: Path, argv: list[str], words: str
) -> None:
    done = command(tmp_path, "install", *argv)
    assert done.returncode == 1
    assert words in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("names", [[], ["piper"], ["coqui-vits", "torch"]])
def test_a_licence_that_nothing_asks_for_cannot_be_accepted(
    tmp_path: Path, names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert bootstrap.main(["--home", str(tmp_path), "install", *names, "--accept-licence"]) == 1
    assert "--accept-licence is for models, and for xtts" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_licence_of_xtts_is_accepted_with_its_name_and_address(tmp_path: Path) -> None:
    done = command(tmp_path, "fetch", "xtts", "--accept-licence")
    assert done.returncode == 0, done.stderr
    assert "CPML" in done.stderr
    assert "https://coqui.ai/cpml" in done.stderr
    assert is_licence_accepted(tmp_path / "models" / WITH_LICENCE)
    assert not (tmp_path / "state.json").exists()


def test_the_launcher_and_the_engine_mean_the_same() -> None:
    assert WITH_LICENCE in ENGINES
    assert has_list(WITH_LICENCE)
    assert FOR_MODELS == ENGINE
    assert ENGINE in ENGINES
    assert has_list(FOR_MODELS)


def test_models_bring_what_they_need_and_go_on_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[list[str]] = []
    inside: list[list[str]] = []

    def prepare(places: object, state: object, wanted: list[str], arguments: object) -> Environment:
        prepared.append(list(wanted))
        return Environment(tmp_path / "env")

    def go_on(environment: Environment, argv: list[str]) -> int:
        inside.append(list(argv))
        return 7

    monkeypatch.setattr(bootstrap, "_prepare", prepare)
    monkeypatch.setattr(bootstrap, "go_on_inside", go_on)
    home = ["--home", str(tmp_path)]
    assert bootstrap.main([*home, "install", "piper", VITS, "--accept-licence"]) == 7
    assert bootstrap.main([*home, "install", "piper"]) == 0
    assert prepared == [["piper", ENGINE], ["piper"]]
    assert inside == [["fetch", VITS, "--accept-licence", "--home", str(tmp_path)]]
    assert bootstrap.main([*home, "install", "xtts"]) == 0
    assert bootstrap.main([*home, "install", "xtts", "piper", "--accept-licence"]) == 7
    assert bootstrap.main([*home, "install", VITS, "xtts", "--accept-licence"]) == 7
    assert prepared[2:] == [["xtts"], ["xtts", "piper"], ["xtts", ENGINE]]
    assert [argv[:-2] for argv in inside[1:]] == [
        ["fetch", "xtts", "--accept-licence"],
        ["fetch", VITS, "xtts", "--accept-licence"],
    ]
    follows = parse(inside[0])
    assert (follows.command, follows.names, follows.accept_licence) == ("fetch", [VITS], True)


def test_the_step_inside_is_no_command_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    said = capsys.readouterr().out
    assert "install" in said
    assert "fetch" not in said


def test_what_is_neither_list_nor_model_is_refused() -> None:
    with pytest.raises(BootError, match="nothing named 'vits'"):
        load_lists(["vits"])


@listed
def test_an_unknown_model_is_refused_with_near_names(tmp_path: Path) -> None:
    done = command(tmp_path, "install", "tts_models/en/vctk/vitz")
    assert done.returncode == 1
    assert "no model 'tts_models/en/vctk/vitz'" in done.stderr
    assert VITS in done.stderr


@listed
def test_a_model_that_cannot_speak_here_says_why(tmp_path: Path) -> None:
    done = command(tmp_path, "install", "tts_models/multilingual/multi-dataset/xtts_v2")
    assert done.returncode == 1
    assert "install xtts" in done.stderr


@listed
def test_a_licence_is_shown_and_asked_for(tmp_path: Path) -> None:
    done = command(tmp_path, "install", "tts_models/en/vctk/fast_pitch")
    assert done.returncode == 1
    assert "licence CC BY-NC-ND 4.0" in done.stderr
    assert "--accept-licence" in done.stderr


@listed
def test_without_a_network_the_command_and_the_place_are_named(tmp_path: Path) -> None:
    done = command(tmp_path, "install", VITS, "--accept-licence")
    assert done.returncode == 1
    assert "licence apache 2.0" in done.stderr
    assert f"install {VITS}" in done.stderr
    assert str(tmp_path / "models" / ENGINE / ".fetching") in done.stderr
    assert not (tmp_path / "state.json").exists()
