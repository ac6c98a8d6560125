"""A port that cannot be had: what the second server, or the first beside another program, says and returns."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from server import port as port_module
from server.boot.port import TAKEN, probe
from server.boot.state import read_state
from server.bootstrap import main
from tests.running import running

pytestmark = pytest.mark.api


@contextlib.contextmanager
def program(greeting: bytes) -> Iterator[int]:
    """Says ``greeting`` to whoever connects, and hangs up; its port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = listening.accept()
                    with peer:
                        peer.sendall(greeting)
                        peer.recv(1000)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def serve(home: Path, *argv: str) -> int:
    return main(["--this-python", "--engine", "tone", "--home", str(home), *argv])


ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "greeting",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
        b"\0" * 70_000,
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/health\r\nContent-Length: 0\r\n\r\n",
        ANSWER + b'{"product": "other"}',
        ANSWER + b"[" * 4000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{}",
    ],
)
def test_another_program_is_told_of_whatever_it_says(
    greeting: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with program(greeting) as port:
        assert serve(tmp_path, "--port", str(port)) == TAKEN
    said = capsys.readouterr().err
    assert f"Port {port} on 127.0.0.1 is taken by another program" in said
    assert f"--port {port + 1}" in said
    state = read_state(tmp_path / "state.json")
    assert state["phase"] == "failed"
    assert state["detail"] in said


@pytest.mark.parametrize(
    "options", [(), ("--listen",), ("--listen", "--host", "0.0.0.0"), ("--host", "localhost")], ids=" ".join
)
def test_a_second_server_finds_the_first(
    options: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with running(tmp_path / "first", server__listen="--listen" in options, key="k" * 40) as first:
        port = first.url.rpartition(":")[2]
        assert serve(tmp_path / "second", "--port", port, *options) == 0
    assert f"is already running at http://{'localhost' if 'localhost' in options else '127.0.0.1'}:{port}" in (
        capsys.readouterr().out
    )
    assert read_state(tmp_path / "second" / "state.json") == {}, "nothing runs there"


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
@pytest.mark.parametrize(("bound", "reached"), [("::1", "::1"), ("::", "::1")])
def test_a_second_server_finds_the_first_over_ipv6(
    bound: str, reached: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.closing(socket.socket(socket.AF_INET6)) as free:
        try:
            free.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
    listen = bound == "::"
    with running(tmp_path / "first", server__host=bound, server__listen=listen, key="k" * 40) as first:
        port = first.url.rpartition(":")[2]
        options = ["--listen"] if listen else []
        assert serve(tmp_path / "second", "--port", port, "--host", bound, *options) == 0
    assert f"is already running at http://[{reached}]:{port}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("192.0.2.1", "192.0.2.1 is not an address of this machine"),
        ("no.such.host.invalid", "The host no.such.host.invalid is not known"),
        ("\u00e4" * 70, "cannot be a host's name"),
    ],
)
def test_an_address_that_is_not_ours_is_no_other_program(
    host: str, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert serve(tmp_path, "--listen", "--host", host, "--port", "18399") == 1
    said = capsys.readouterr().err
    assert words in said
    assert "another program" not in said
    assert read_state(tmp_path / "state.json")["phase"] == "failed"


@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        (errno.EACCES, TAKEN, "The system does not give port 80 on 127.0.0.1 to this program"),
        (errno.EAFNOSUPPORT, 1, "The server cannot listen on 127.0.0.1, port 80"),
    ],
)
def test_what_the_system_refuses_is_told_as_that(
    code: int,
    status: int,
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(code, os.strerror(code))  # only some systems, and some users, can be made to say it

    monkeypatch.setattr(port_module, "_listening", refuse)
    assert serve(tmp_path, "--port", "80") == status
    said = capsys.readouterr().err
    assert words in said
    assert os.strerror(code) in said
    assert "another program" not in said


def test_say_tells_a_wrong_setting_without_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "settings.yaml").write_text("server: {prot: 1}")
    assert serve(tmp_path, "say", "Hello", "-o", str(tmp_path / "a.wav")) == 1
    assert "Did you mean server.port?" in capsys.readouterr().err


def test_nobody_there_is_no_server() -> None:
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        assert probe("127.0.0.1", free.getsockname()[1]) is None
