"""The launcher's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from server import bootstrap
from server.boot.arguments import parse

pytestmark = pytest.mark.unit


def test_no_command_means_serve() -> None:
    arguments = parse(["--port", "7900", "--host-name", "a", "--host-name", "b"])
    assert (arguments.command, arguments.port, arguments.host_name) == ("serve", 7900, ["a", "b"])
    assert arguments.host is None
    assert arguments.allow_origin == []
    assert not arguments.listen


def test_options_count_before_and_after_the_command() -> None:
    arguments = parse(["--port", "7900", "--home", "/before", "serve", "--host-owned", "--home", "/after"])
    assert (arguments.port, arguments.host_owned, arguments.home) == (7900, True, "/after")
    assert parse(["--engine", "tone", "voices"]).engine == "tone"


def test_output_does_not_depend_on_the_folder_later() -> None:
    assert parse(["say", "hello", "-o", "a.wav"]).output == Path.cwd() / "a.wav"


@pytest.mark.parametrize(
    "argv", [["--port", "65536"], ["--port", "x"], ["say", "text"], ["--log-level", "loud"]]
)
def test_bad_command_lines_are_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(argv)
    assert "error:" in capsys.readouterr().err


def test_moving_in_goes_on_inside_with_the_folder_as_it_was_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Going on inside changes the folder, and options may stand anywhere."""
    went: list[list[str]] = []
    monkeypatch.setattr(bootstrap, "_is_prepared", lambda arguments: False)
    monkeypatch.setattr(bootstrap, "_prepare", lambda *_: "environment")
    monkeypatch.setattr(bootstrap, "_offer_gpu", lambda: None)
    monkeypatch.setattr(bootstrap, "go_on_inside", lambda _, argv: went.append(list(argv)) or 0)
    monkeypatch.chdir(tmp_path)
    home = str(tmp_path / "home")
    assert bootstrap.main(["--home", home, "import-alltalk", "--dry-run", "old tts", "--yes"]) == 0
    (argv,) = went
    assert argv[:4] == ["import-alltalk", str(tmp_path / "old tts"), "--dry-run", "--yes"]
    again = parse(argv)
    assert (again.folder, again.home, again.dry_run, again.yes) == (tmp_path / "old tts", home, True, True)


@pytest.mark.parametrize("port", ["abc", "65536", "-1", "\N{SUPERSCRIPT TWO}"])
def test_a_port_that_is_none_is_told_what_one_is(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse([f"--port={port}"])
    assert f"--port: expected a number from 0 (any free port) to 65535, found '{port}'" in capsys.readouterr().err


def test_what_follows_an_installation_is_no_command_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(["nosuch"])
    said = capsys.readouterr().err
    assert "fetch" not in said
    assert "install" in said
    assert parse(["fetch", "xtts"]).names == ["xtts"]
