"""The port, looked at before an installation, and what a second start is told."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from server.boot.arguments import parse
from server.boot.port import DEFAULT, NOT_APPLIED, TAKEN, answers, port_to_be, probe, runs_already
from server.boot.state import read_state
from server.settings_tree import ServerSettings

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[2]
FOUND = {"product": "troupe", "version": "9.9", "engine": "tone"}


class Answering(BaseHTTPRequestHandler):
    """Answers ``/health`` as Troupe does."""

    def do_GET(self) -> None:
        body = json.dumps(FOUND).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Tests are quiet."""


@pytest.fixture
def troupe() -> Iterator[int]:
    """The port of something that answers as Troupe does."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def other() -> Iterator[int]:
    """The port of another program, which says nothing and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            while True:
                try:
                    listening.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def first_start(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A start that would have to install everything, and that no network lets."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("TROUPE_", "PIP_"))}
    offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1"}
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        cwd=REPOSITORY,
        env={**environ, **offline, "TROUPE_HOME": str(home), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_port_is_the_one_of_the_settings() -> None:
    assert ServerSettings().port == DEFAULT


def test_the_port_is_known_from_options_and_variables_and_else_unless_a_file_may_say_so(tmp_path: Path) -> None:
    assert port_to_be(parse([]), tmp_path, {}) == DEFAULT
    assert port_to_be(parse(["--port", "1"]), tmp_path, {"TROUPE_SERVER__PORT": "2"}) == 1
    assert port_to_be(parse([]), tmp_path, {"TROUPE_SERVER__PORT": "2"}) == 2
    assert port_to_be(parse([]), tmp_path, {"TROUPE_SERVER__PORT": "no"}) is None
    (tmp_path / "settings.yaml").write_text("server: {port: 3}\n")
    assert port_to_be(parse([]), tmp_path, {}) is None
    assert port_to_be(parse(["--port", "1"]), tmp_path, {}) == 1


@pytest.mark.parametrize("by_variable", [False, True])
def test_a_taken_port_is_told_before_anything_is_installed(tmp_path: Path, other: int, by_variable: bool) -> None:
    if by_variable:
        done = first_start(tmp_path, TROUPE_SERVER__PORT=str(other))
    else:
        done = first_start(tmp_path, "--port", str(other))
    assert done.returncode == TAKEN
    assert f"Port {other} on 127.0.0.1 is taken by another program" in done.stderr
    assert f"--port {other + 1}" in done.stderr
    assert "download" not in done.stderr + done.stdout
    assert not (tmp_path / "env").exists()
    assert read_state(tmp_path / "state.json")["phase"] == "failed"


def test_a_name_that_no_host_can_have_is_left_to_the_server() -> None:
    for name in ("a..b", "x" * 64, "a\0b"):
        assert not answers(name, 7851)
        assert probe(name, 7851) is None


def test_a_first_start_beside_a_running_server_installs_nothing(tmp_path: Path, troupe: int) -> None:
    done = first_start(tmp_path, "--port", str(troupe))
    url = f"http://127.0.0.1:{troupe}"
    assert (done.returncode, done.stdout, done.stderr) == (0, f"Troupe 9.9 is already running at {url}\n", "")
    assert not (tmp_path / "env").exists()


def test_a_program_that_is_no_troupe_is_none(other: int, troupe: int) -> None:
    assert probe("127.0.0.1", other) is None
    assert probe("127.0.0.1", troupe) == FOUND


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], ""),
        (["--engine", "tone"], ""),
        (["--host-owned", "--port", "1"], ""),
        (["--engine", "bogus"], "--engine bogus was not applied"),
        (["--listen"], "--listen was not applied"),
        (["--listen", "--host-name", "a"], "--listen, --host-name were not applied"),
        (["--device", "cpu", "--log-level", "debug"], "--device, --log-level were not applied"),
    ],
)
def test_a_second_start_says_what_it_did_not_do(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = runs_already("http://x:1", FOUND, parse(options))
    heard = capsys.readouterr()
    if said:
        at, how = "Troupe 9.9 is already running at http://x:1", "stop it first (Ctrl+C in its window)"
        assert heard.err == f"{at}; {said}: {how}\n"
        assert (status, heard.out) == (NOT_APPLIED, "")
    else:
        assert (status, heard.out) == (0, "Troupe 9.9 is already running at http://x:1\n")


def test_a_second_start_inside_the_environment_says_it_too(tmp_path: Path, troupe: int) -> None:
    done = first_start(tmp_path, "--this-python", "--port", str(troupe), "--engine", "bogus")
    assert done.returncode == NOT_APPLIED
    assert "--engine bogus was not applied" in done.stderr
