"""What the launcher tells other processes and learns from them: its state, locks, and the host's end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.boot.errors import Stopped
from server.boot.launch import REPOSITORY
from server.boot.lock import FileLock
from server.boot.state import StateFile, read_state
from server.boot.stop import when_host_leaves
from server.files import write_atomically

pytestmark = pytest.mark.unit


def test_state_goes_through_its_stages(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    launcher = StateFile(path, version="1.2.3", instance="one")
    assert launcher.claim()
    launcher.update("installing", "alpha", 0.25)
    first = json.loads(path.read_text())
    assert (first["phase"], first["detail"], first["fraction"]) == ("installing", "alpha", 0.25)
    assert (first["pid"], first["instance"], first["version"]) == (os.getpid(), "one", "1.2.3")
    server = StateFile(path, version="1.2.3", instance="one")
    server.update("loading", url="http://127.0.0.1:7851")
    server.update("ready")
    last = json.loads(path.read_text())
    assert set(last) == {"phase", "detail", "fraction", "pid", "started", "instance", "url", "version"}
    assert (last["phase"], last["url"], last["started"]) == (
        "ready",
        "http://127.0.0.1:7851",
        first["started"],
    )
    server.remove()
    assert not path.exists()


def test_a_second_server_leaves_the_state_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    first = StateFile(path, version="1", instance="one")
    assert first.claim()
    first.update("ready", url="http://127.0.0.1:7851")
    second = StateFile(path, version="1", instance="two")
    assert not second.claim()
    second.update("starting")
    second.remove()
    assert read_state(path)["instance"] == "one"
    first.remove()
    assert second.claim()


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_a_damaged_state_is_no_state(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content)
    assert read_state(tmp_path / "state.json") == {}


def test_readers_never_see_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_atomically(path, "x" * 100_000, durable=False)
    write_atomically(path, "y", durable=False)
    assert path.read_text() == "y"
    assert [item.name for item in tmp_path.iterdir()] == ["state.json"]


# Locks


def test_a_lock_keeps_others_out_until_its_holder_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "install.lock"
    code = (
        "import sys; from pathlib import Path; from server.boot.lock import FileLock\n"
        "lock = FileLock(Path(sys.argv[1])); print(lock.acquire(note='process x'), flush=True)\n"
        "sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        lock = FileLock(path)
        assert not lock.acquire()
        assert lock.holder() == "process x"
        other.kill()
    with FileLock(path) as mine:
        assert mine.acquire(note="process y")
        assert not lock.acquire()
    assert lock.acquire()
    lock.release()


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no shared lock; the system guards programs in use"
)
def test_many_may_use_while_nobody_may_change(tmp_path: Path) -> None:
    one, two, changer = (FileLock(tmp_path / "use") for _ in range(3))
    assert one.acquire(shared=True)
    assert two.acquire(shared=True)
    assert not changer.acquire()
    one.release()
    two.release()
    assert changer.acquire()
    changer.release()


# The host's end


def test_the_hosts_end_is_seen_on_standard_input() -> None:
    code = (
        "import sys; from server.boot.stop import when_host_leaves; from server.boot.errors import Stopped\n"
        "when_host_leaves(); print('held', flush=True)\n"
        "import time\n"
        "while True:\n"
        "    try: when_host_leaves()\n"
        "    except Stopped: print('gone'); break\n"
        "    time.sleep(0.01)"
    )
    host = subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with host:
        assert host.stdin is not None
        assert host.stdout is not None
        assert host.stdout.readline() == "held\n"
        host.stdin.close()
        assert host.stdout.read() == "gone\n"


def test_a_closed_input_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.boot.stop._stdin_closed", lambda: True)
    with pytest.raises(Stopped, match="has ended"):
        when_host_leaves()
