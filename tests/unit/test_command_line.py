"""What the commands say when they are given something that cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.boot.launch import REPOSITORY

pytestmark = pytest.mark.unit


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith("TROUPE_")}
    command = [sys.executable, "-m", "server", *arguments]
    environ = {**own, "TROUPE_HOME": str(home)}
    return subprocess.run(command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, timeout=120)


def test_a_home_that_is_a_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run(tmp_path / "file")
    assert done.returncode == 1
    assert done.stderr == f"Troupe: {tmp_path / 'file'} is a file. --home and TROUPE_HOME name a folder.\n"


def test_say_refuses_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("engine: {name: tone}\nserver: {port: 1}\n")
    nowhere = run(tmp_path, "say", "--this-python", "Hi.", "-o", str(tmp_path / "none" / "x.wav"))
    assert (nowhere.returncode, nowhere.stdout) == (1, "")
    assert nowhere.stderr == f"Troupe: there is no folder {tmp_path / 'none'} to write x.wav into\n"
    formless = run(tmp_path, "say", "--this-python", "Hi.", "-o", str(tmp_path / "a.xyz"))
    assert formless.returncode == 1
    assert "Troupe: a file's ending is its format, and .xyz is none: .mp3, .opus," in formless.stderr
    assert "response_format" not in formless.stderr
    assert run(tmp_path, "say", "--this-python", "Hi.", "-o", str(tmp_path / "a.wav")).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix in (".wav", ".xyz", ".part")) == ["a.wav"]
