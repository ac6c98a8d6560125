"""Finding, starting and leaving the server: with a stub of it, and with programs that are not it."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from extension import launcher as launcher_module
from extension.launcher import Launcher, Status
from extension.port import configured_port
from extension.process import clean_environment, suitable_python
from tests.host.fake_web_ui import wait_for
from tests.host.stub_server import running

pytestmark = pytest.mark.host

HERE = Path(__file__).resolve().parent

# A server/ as the launcher sees it: progress in state.json, then it listens; it ends with its pipe and last lease.
BUNDLED = f"""
import json, os, sys, threading, time
from pathlib import Path
sys.path.insert(0, {str(HERE)!r})
from stub_server import StubServer
home = Path(os.environ["TROUPE_HOME"])
(home / "seen.json").write_text(json.dumps({{"argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}}))
(home / "state.json").write_text(json.dumps({{"phase": "installing", "detail": "Fetching voices", "fraction": 0.5}}))
time.sleep(1.0)
stub = StubServer(port=int(os.environ["TROUPE_SERVER__PORT"])).start()
sys.stdin.read()
while stub.leases:
    time.sleep(0.05)
(home / "ended").write_text("")
"""


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    chosen = free_port()
    monkeypatch.setenv("TROUPE_SERVER__PORT", str(chosen))
    return chosen


@pytest.fixture
def told() -> list[Status]:
    return []


@pytest.fixture
def launcher(home: Path, tmp_path: Path, told: list[Status], monkeypatch: pytest.MonkeyPatch) -> Iterator[Launcher]:
    monkeypatch.setattr(launcher_module, "_PAUSE", 0.1)
    monkeypatch.setattr(launcher_module, "_PATIENCE", 0.1)
    made = Launcher(tmp_path / "clone", home, tell=told.append)
    yield made
    made.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bundle(clone: Path, program: str) -> None:
    (clone / "server").mkdir(parents=True)
    (clone / "server" / "__init__.py").touch()
    (clone / "server" / "__main__.py").write_text(program)


def test_attaches_to_a_server_that_runs_and_leaves_it_running(launcher: Launcher, port: int) -> None:
    with running(port=port) as stub:
        launcher.start()
        wait_for(lambda: launcher.status.phase == "ready")
        assert (launcher.status.engine, launcher.status.ours) == ("stub", False)
        assert stub.leases == 1
        launcher.stop()
        wait_for(lambda: stub.leases == 0)
        assert launcher.status.phase == "off"


def test_what_passes_on_a_server_that_is_ready_is_not_kept(launcher: Launcher, port: int) -> None:
    with running("loading", port=port) as stub:
        stub.detail = "Warming up"
        launcher.start()
        wait_for(lambda: (launcher.status.phase, launcher.status.detail) == ("loading", "Warming up"))
        stub.detail = "Preparing voice conversion"
        stub.mode = "good"
        wait_for(lambda: launcher.status.phase == "ready")
        assert launcher.status.detail == ""


def test_waits_while_the_engine_loads(launcher: Launcher, port: int) -> None:
    with running("loading", port=port) as stub:
        launcher.start()
        wait_for(lambda: launcher.status.phase == "loading")
        assert stub.leases == 1, "it must not end while somebody waits for it"
        stub.mode = "good"
        wait_for(lambda: launcher.status.phase == "ready")


def test_starts_the_bundled_one_and_shows_its_progress(
    launcher: Launcher, told: list[Status], home: Path, tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle(tmp_path / "clone", BUNDLED)
    for name in ("PYTHONHOME", "CONDA_PREFIX", "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, "/the/hosts/own")
    launcher.start()
    wait_for(lambda: launcher.status.phase == "ready", 20)
    assert launcher.status.ours
    assert ("installing", "Fetching voices", 0.5) in [(s.phase, s.detail, s.fraction) for s in told]
    seen = json.loads((home / "seen.json").read_text())
    assert seen["argv"] == ["--host-owned"]
    assert Path(seen["cwd"]) == tmp_path / "clone"
    assert not {"PYTHONHOME", "CONDA_PREFIX", "GRADIO_TEMP_DIR"} & set(seen["env"])
    assert not (home / "ended").exists()
    launcher.stop()
    wait_for((home / "ended").exists)


def test_a_second_host_keeps_the_server_that_the_first_one_started(
    launcher: Launcher, home: Path, tmp_path: Path, port: int
) -> None:
    bundle(tmp_path / "clone", BUNDLED)
    launcher.start()
    wait_for(lambda: launcher.status.phase == "ready", 20)
    second = Launcher(tmp_path / "no clone", home)
    second.start()
    wait_for(lambda: second.status.phase == "ready")
    assert not second.status.ours
    launcher.stop()
    time.sleep(0.5)
    assert not (home / "ended").exists()
    second.stop()
    wait_for((home / "ended").exists)


def test_comes_back_when_the_server_has_gone(launcher: Launcher, home: Path, tmp_path: Path, port: int) -> None:
    bundle(tmp_path / "clone", BUNDLED)
    with running(port=port):
        launcher.start()
        wait_for(lambda: launcher.status.phase == "ready")
    wait_for(lambda: launcher.status.phase == "ready" and launcher.status.ours, 20)


def test_a_key_goes_to_no_server_that_is_being_left(launcher: Launcher, home: Path) -> None:
    with running() as stub:
        launcher.start(stub.address, "first")
        wait_for(lambda: launcher.status.phase == "ready")
        launcher.start("http://127.0.0.1:9", "second")
        assert (launcher.client().address, launcher.client().key) == ("http://127.0.0.1:9", "second")


def test_a_lease_that_two_let_go_is_closed_once(tmp_path: Path) -> None:
    class Lease:
        closed = 0

        def close(self) -> None:
            self.closed += 1
            launcher_module._let_go(aim)

    lease = Lease()
    aim = launcher_module._Aim("", "", lease=lease)  # type: ignore[arg-type]
    launcher_module._let_go(aim)
    assert lease.closed == 1


@pytest.mark.parametrize("mode", ["alien", "garbage"])
def test_another_program_on_the_port_is_named_and_left_alone(
    mode: str, launcher: Launcher, tmp_path: Path, port: int
) -> None:
    bundle(tmp_path / "clone", BUNDLED)
    with running(mode, port=port):
        launcher.start()
        wait_for(lambda: launcher.status.phase == "failed")
        assert f"Another program uses port {port}" in launcher.status.detail
        assert not (tmp_path / "home" / "seen.json").exists()


def test_a_server_of_another_kind_is_not_used(launcher: Launcher, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher_module, "API", 2)
    with running(port=port) as stub:
        launcher.start()
        wait_for(lambda: launcher.status.phase == "failed")
        assert "of another kind" in launcher.status.detail
        assert stub.leases == 0


def test_of_two_who_start_at_once_one_remains(launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks for a server any more when all have left it."""
    before, rounds = sys.getswitchinterval(), 20
    sys.setswitchinterval(1e-6)
    try:
        with running() as stub:
            for _ in range(rounds):
                together = threading.Barrier(3)
                starts = [
                    threading.Thread(target=lambda: (together.wait(), launcher.start(stub.address)))  # noqa: B023
                    for _ in range(3)
                ]
                for start in starts:
                    start.start()
                for start in starts:
                    start.join()
                launcher.stop()
            wait_for(lambda: not [t for t in threading.enumerate() if t.name == "troupe-launcher"])
    finally:
        sys.setswitchinterval(before)
    assert launcher.status == Status()


def test_what_is_learnt_of_a_server_that_was_left_is_not_shown(launcher: Launcher) -> None:
    launcher.start("http://127.0.0.1:9")
    left = launcher._aim
    assert left is not None
    launcher.stop()
    launcher._show(left, Status("ready"))
    assert launcher.status == Status()


def test_a_server_that_cannot_start_says_why(launcher: Launcher, tmp_path: Path, port: int) -> None:
    bundle(tmp_path / "clone", "raise SystemExit('Troupe: no network and nothing installed')")
    launcher.start()
    wait_for(lambda: launcher.status.phase == "failed", 20)
    assert "no network and nothing installed" in launcher.status.detail


def test_a_failure_told_in_state_json_is_told_on(launcher: Launcher, home: Path, tmp_path: Path, port: int) -> None:
    program = f"""
import json, time
from pathlib import Path
Path({str(home / "state.json")!r}).write_text(json.dumps({{"phase": "failed", "detail": "The disk is full."}}))
time.sleep(30)
"""
    bundle(tmp_path / "clone", program.replace("time.sleep(30)", "input()"))
    launcher.start()
    wait_for(lambda: launcher.status.phase == "failed", 20)
    assert launcher.status.detail == "The disk is full."


def test_one_elsewhere_is_tried_until_it_answers(launcher: Launcher, home: Path, tmp_path: Path) -> None:
    bundle(tmp_path / "clone", BUNDLED)
    port = free_port()
    launcher.start(f"http://127.0.0.1:{port}/", "secret")
    wait_for(lambda: launcher.status.phase == "failed")
    assert "Still trying" in launcher.status.detail
    with running(port=port):
        wait_for(lambda: launcher.status.phase == "ready")
        assert launcher.client().key == "secret"
        assert launcher.client().address == f"http://127.0.0.1:{port}"
    assert not (home / "seen.json").exists(), "a server elsewhere is not replaced by one here"


@pytest.mark.parametrize("address", ["nonsense", "ftp://host", "http://", "http://host:port"])
def test_an_address_that_is_none_says_so(address: str, launcher: Launcher) -> None:
    launcher.start(address)
    wait_for(lambda: launcher.status.phase == "failed")
    assert "is not an address" in launcher.status.detail


def test_attaching_goes_to_where_state_json_says_the_server_is(launcher: Launcher, home: Path, port: int) -> None:
    with running() as stub:
        (home / "state.json").write_text(json.dumps({"phase": "ready", "url": stub.address}))
        launcher.start()
        wait_for(lambda: launcher.status.phase == "ready")
        assert launcher.status.address == stub.address


@pytest.mark.parametrize(
    ("settings", "port"),
    [
        ("", 7851),
        ("server:\n  port: 7900\n", 7900),
        ("# mine\nserver:\n  # the address\n  host: 127.0.0.1\n\n  port: 7901  # here\n", 7901),
        ("studio:\n  port: 1\n", 7851),
        ("server:\n  port: many\n", 7851),
        ("server:\n  # port: 7851\n" + "\n" * 500 + "engine:\n  name: kokoro\n", 7851),  # must end at all
        ("server:\n" + "\n" * 500 + "  port: 7902\n", 7902),
        ("server:\n" + "  host: 127.0.0.1" + " " * 50_000 + "\n  port: 7903\n", 7903),
        ("server: # note\n  port: 7904\n", 7904),
        ('server:\n  port: "7905"\n', 7905),
        ("server:\n  'port' : '7906'\n", 7906),
        ("server: {port: 7907}\n", 7907),
        ("server: {host: 127.0.0.1, port: 7908, listen: false}  # note\n", 7908),
        ("server: {\n  host: 127.0.0.1,\n  port: 7909,\n}\n", 7909),
        ("\ufeffserver:\r\n  port: 7910\r\n", 7910),
        ("server:\n  port: 1\n  port: 7911\n", 7911),
        ("server:\n\n# mine\n\n  port: 7912", 7912),
        ("server:\n  host: a # port: 1\n", 7851),
        ("server:\n  report: 1\n", 7851),
        ("server:\n  note: >\n    the old port: 9000\n    port: 9001\n", 7851),
        ("server:\n  port: 70000\n", 7851),
        ("server:\n  port: 0000790000\n", 7851),
        ("server:\n  port: " + "9" * 5000 + "\n", 7851),
        ("server:\n  listen: true\nstudio:\n  port: 1\n", 7851),
    ],
)
def test_the_port_is_the_one_the_server_will_use(
    settings: str, port: int, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TROUPE_SERVER__PORT", raising=False)
    (home / "settings.yaml").write_bytes(settings.encode())
    assert configured_port(home) == port


def test_the_shipped_settings_with_the_port_commented_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TROUPE_SERVER__PORT", raising=False)
    shipped = (HERE.parents[1] / "settings.yaml").read_text(encoding="utf-8")
    for text in (shipped, shipped.replace("  port:", "  # port:")):
        (home / "settings.yaml").write_text(text, encoding="utf-8")
        assert configured_port(home) == 7851


def test_a_byte_that_is_no_utf8_does_not_hide_the_port(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TROUPE_SERVER__PORT", raising=False)
    (home / "settings.yaml").write_bytes(b"# caf\xe9\nserver:\n  port: 7900\n")
    assert configured_port(home) == 7900


@pytest.mark.parametrize(("variable", "port"), [(" 7900 ", 7900), ("\u00b2", 7851), ("0", 7851), ("x", 7851)])
def test_the_port_of_the_environment(variable: str, port: int, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TROUPE_SERVER__PORT", variable)
    assert configured_port(home) == port


def test_the_servers_python_is_one_that_fits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert suitable_python() == sys.executable
    monkeypatch.setattr(sys, "version_info", (3, 14, 0))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert suitable_python() is None
    name = "python3.12.exe" if os.name == "nt" else "python3.12"
    (tmp_path / name).touch(mode=0o755)
    assert suitable_python() == str(tmp_path / name)


def test_nothing_of_the_hosts_python_reaches_the_server() -> None:
    environ = {
        "PATH": "/bin",
        "PYTHONPATH": "x",
        "conda_default_env": "x",
        "_CE_M": "",
        "VIRTUAL_ENV": "x",
        "HOME": "/",
    }
    assert clean_environment(environ) == {"PATH": "/bin", "HOME": "/"}
