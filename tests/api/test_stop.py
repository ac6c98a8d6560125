"""A stop as people see it: what the terminal says, and what becomes of requests that are open."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from server.boot.launch import REPOSITORY, child_environment
from server.boot.state import read_state
from tests.running import wait_for

pytestmark = [
    pytest.mark.api,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems"),
]

SLOW = "engine: {name: tone, options: {tone: {delay: 30}}}\n"
"""A word of one letter takes two seconds, one of many letters a minute."""


class Started:
    """A server in a process of its own."""

    def __init__(self, home: Path, *arguments: str) -> None:
        own = {key: value for key, value in os.environ.items() if not key.startswith("TROUPE_")}
        self.home = home
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server", "--this-python", "--port", "0", *arguments],
            cwd=REPOSITORY,
            env={**child_environment(own), "TROUPE_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def phase(self) -> str:
        """What ``state.json`` says."""
        return str(read_state(self.home / "state.json").get("phase", ""))

    def url(self) -> str:
        """Where it listens, once it can speak and its thread that opens the studio, which ends no sooner, is done."""
        wait_for(lambda: self.phase() == "ready", 60)
        url = str(read_state(self.home / "state.json")["url"])
        wait_for(lambda: "x-troupe-studio" not in httpx.get(url, timeout=60).headers, 90)
        return url

    def interrupt(self) -> None:
        """Ctrl+C, which a terminal sends to the workers too."""
        os.killpg(self.process.pid, signal.SIGINT)

    def ended(self) -> tuple[int, str, str]:
        """Status and what it said on both streams."""
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@contextmanager
def started(home: Path, settings: str, *arguments: str) -> Iterator[Started]:
    """``python -m server`` with these settings until the block ends."""
    (home / "settings.yaml").write_text(settings)
    server = Started(home, *arguments)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.kill()
            server.process.communicate()


class Asking(threading.Thread):
    """One request, in a thread of its own."""

    def __init__(self, url: str, path: str, **what: object) -> None:
        super().__init__(daemon=True)
        self._url = url + path
        self._what = what
        self.begun = threading.Event()
        """There are bytes of sound."""
        self.status = 0
        self.headers = httpx.Headers()
        self.body = b""
        self.cut = False
        self.start()

    def run(self) -> None:
        """Ask, and take what comes."""
        with httpx.stream("POST", self._url, timeout=60, **self._what) as answer:  # type: ignore[arg-type]
            self.status, self.headers = answer.status_code, answer.headers
            try:
                for data in answer.iter_raw():
                    self.body += data
                    self.begun.set()
            except httpx.RemoteProtocolError:
                self.cut = True


def speech(url: str, text: str) -> Asking:
    body = {"model": "x", "input": text, "voice": "low", "response_format": "pcm"}
    return Asking(url, "/v1/audio/speech", json=body)


def open_requests(url: str) -> float:
    lines = httpx.get(url + "/metrics").text.splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("troupe_queue ")))


@pytest.mark.parametrize("presses", [1, 2])
def test_a_stop_answers_who_has_no_byte_and_cuts_who_has(tmp_path: Path, presses: int) -> None:
    seconds = 1 if presses == 1 else 300
    with started(tmp_path, f"{SLOW}server: {{drain_seconds: {seconds}}}\n") as server:
        url = server.url()
        speaking = speech(url, "I " + "w" * 300)
        assert speaking.begun.wait(30)
        waiting = speech(url, "w" * 300)
        form = Asking(url, "/api/tts-generate", data={"text_input": "w" * 300, "character_voice_gen": "low"})
        wait_for(lambda: open_requests(url) == 3)
        server.interrupt()
        if presses == 2:
            time.sleep(1)
            server.interrupt()
        for each in (speaking, waiting, form):
            each.join(20)
        status, _, said = server.ended()
    assert speaking.cut
    assert speaking.body
    assert (waiting.status, waiting.headers["retry-after"]) == (503, "5")
    assert waiting.headers["content-type"] == "application/json"
    assert b'"code":"server_stopping"' in waiting.body
    assert (form.status, form.headers["retry-after"]) == (503, "5")
    assert b'"status":"generate-failure"' in form.body
    assert status == 0
    assert said.count("Stopping: waiting up to") == 1
    assert f"waiting up to {seconds} s for 3 requests; press Ctrl+C again to stop at once." in said
    assert "Traceback" not in said
    assert "Exception" not in said
    assert "Cancel" not in said


def test_a_request_that_ends_in_time_is_spoken_to_its_end(tmp_path: Path) -> None:
    with started(tmp_path, SLOW) as server:
        speaking = speech(server.url(), "I a")
        assert speaking.begun.wait(30)
        server.interrupt()
        status, _, said = server.ended()
        speaking.join(10)
    assert (speaking.status, speaking.cut, status) == (200, False, 0)
    assert "waiting up to 10 s for 1 request; press" in said
    assert "Traceback" not in said


def test_a_stop_without_requests_says_nothing_and_takes_no_time(tmp_path: Path) -> None:
    with started(tmp_path, "engine: {name: tone}\nserver: {drain_seconds: 300}\n") as server:
        server.url()
        server.interrupt()
        status, _, said = server.ended()
    assert status == 0
    assert "Stopping" not in said
    assert "Traceback" not in said


def test_a_stop_while_the_engine_is_loading_shows_no_banner(tmp_path: Path) -> None:
    """An engine that the stop unloads is not ready; a key that nobody has used yet is not told either."""
    with started(tmp_path, "engine: {name: tone}\nserver: {require_key: true}\n") as server:
        wait_for(lambda: server.phase() == "loading", 60)
        server.interrupt()
        status, out, said = server.ended()
    assert (status, out) == (0, "")
    assert "Traceback" not in said


def test_an_engine_that_does_not_exist_is_told_and_the_address_too(tmp_path: Path) -> None:
    with started(tmp_path, "engine: {name: tome}\n") as server:
        wait_for(lambda: server.phase() == "failed", 60)
        url = read_state(tmp_path / "state.json")["url"]
        assert httpx.get(f"{url}/health", timeout=30).json()["state"] == "degraded"
        server.interrupt()
        status, out, said = server.ended()
    message = f"{tmp_path / 'settings.yaml'}: engine.name: there is no engine 'tome'. Did you mean tone?"
    assert f"error: The server cannot speak: {message}" in said
    assert f"answers at {url}, but cannot speak yet" in out
    assert "Stop:" in out
    assert status == 0
