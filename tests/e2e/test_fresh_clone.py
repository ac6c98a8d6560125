"""The whole promise once: an empty home, the packages of the real lists, speech that is understood."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.boot.launch import REPOSITORY, child_environment
from tests.listen import transcribe, word_error_rate

pytestmark = [pytest.mark.e2e, pytest.mark.long]

TEXT = "The old harbour was quiet before the storm came over the hills."


def run(home: Path, *argv: str) -> subprocess.CompletedProcess[str]:
    """A command line under this test's own home, by the interpreter below the tests' environment."""
    return subprocess.run(
        [getattr(sys, "_base_executable", sys.executable), "-m", "server", *argv],
        cwd=REPOSITORY,
        env={**child_environment(os.environ), "TROUPE_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_a_fresh_clone_speaks(home: Path, tmp_path: Path) -> None:
    said = run(home, "say", TEXT, "-o", str(tmp_path / "first.wav"))
    assert said.returncode == 0, said.stderr
    assert "MB to download" in said.stderr
    assert word_error_rate(TEXT, transcribe(tmp_path / "first.wav")) <= 0.1
    again = run(home, "say", TEXT, "-o", str(tmp_path / "second.mp3"), "--voice", "onyx")
    assert again.returncode == 0, again.stderr
    assert "Installing" not in again.stderr
    assert word_error_rate(TEXT, transcribe(tmp_path / "second.mp3")) <= 0.1
    voices = run(home, "voices")
    assert {"alloy", "af_heart"} <= {line.split()[0] for line in voices.stdout.splitlines()}
    assert run(home, "doctor").returncode == 0
