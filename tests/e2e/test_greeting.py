"""The words at the start: the new key is in them, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from server.boot.launch import REPOSITORY
from server.boot.state import StateFile, read_state
from server.keyfile import key_file
from server.serve import _Teller
from tests.running import running

pytestmark = pytest.mark.e2e

VOICES = "voices:\n- {id: 声, name: 声, kind: blend, languages: [en], blend: {low: 0.5, high: 0.5}}\n"


def add_voice(home: Path) -> None:
    folder = home / "voices" / "tone"
    folder.mkdir(parents=True)
    (folder / "voices.yaml").write_text(VOICES, encoding="utf-8")


def test_a_code_page_without_a_voices_letters_still_shows_the_new_key(tmp_path: Path) -> None:
    add_voice(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "--this-python", "--engine", "tone", "--listen", "--port", "0"],
        cwd=REPOSITORY,
        env={**os.environ, "TROUPE_HOME": str(tmp_path), "PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    patience = threading.Timer(60, process.kill)
    patience.start()
    with process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line.decode("cp1252")
            if "Stop:" in said:
                break
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    patience.cancel()
    key = key_file(tmp_path).read_text(encoding="utf-8").strip()
    assert f"Key:     {key}   (shown this once)" in said
    assert "low, high, chirp" in said or "?" in said
    assert "Traceback" not in said


class _Full:
    """Standard output that cannot be written to at first: a full disk, a console that went away."""

    def __init__(self) -> None:
        self.text = ""
        self.refuses = True

    def write(self, text: str) -> None:
        if self.refuses:
            raise OSError(28, "No space left on device")
        self.text += text

    def flush(self) -> None:
        pass


def test_a_greeting_that_failed_is_said_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(tmp_path / "home") as server:
        state = StateFile(tmp_path / "state.json", version="1", instance="one")
        assert state.claim()
        teller = _Teller(SimpleNamespace(state=SimpleNamespace(troupe=server.troupe)), state, "http://x", "new-key")
        output = _Full()
        monkeypatch.setattr(sys, "stdout", output)
        with pytest.raises(OSError, match="No space"):
            teller.tell()
        assert read_state(state.path)["phase"] == "ready", "hosts are told first"
        output.refuses = False
        teller.tell()
        teller.tell()
        assert output.text.count("new-key   (shown this once)") == 1
        state.remove()
