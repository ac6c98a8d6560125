"""An installation that was stopped, killed or damaged is finished or mended by the next start."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator

import pytest

from tests.e2e.clone import POSIX, Clone, index_at
from tests.running import wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture
def silent_index() -> Iterator[str]:
    """A package index that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """A shell has what it runs in the background ignore SIGINT, and children inherit that from the tests."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    "how",
    [
        "host leaves",
        pytest.param(signal.SIGINT, marks=POSIX),
        pytest.param(signal.SIGTERM, marks=POSIX),
    ],
)
def test_an_installation_can_be_stopped(
    installed: Clone, silent_index: str, how: str | signal.Signals
) -> None:
    installed.build("beta", "2.0")
    installed.write("studio", "beta>=2\n")
    before = installed.pip_runs()
    process = installed.start("--host-owned", **index_at(silent_index))
    wait_for(lambda: installed.pip_runs() > before, 60)
    if isinstance(how, signal.Signals):
        process.send_signal(how)
    elif process.stdin is not None:
        process.stdin.close()
    assert process.wait(60) == 1  # pip itself would try for minutes
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    assert installed.state()["phase"] == "failed"
    assert installed.serve()["packages"]["beta"] == "2.0"


@POSIX
def test_killed_while_unpacking_it_is_repaired(installed: Clone) -> None:
    installed.build("alpha", "2.0", files=3000)
    installed.write("base", "alpha>=2\n")
    process = installed.start()
    wait_for(lambda: installed.unpacking("alpha"), 60)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert installed.serve()["packages"]["alpha"] == "2.0"
    assert len(list(installed.environment().rglob("site-packages/alpha/*.py"))) == 3000
    assert installed.run().stderr == ""


@POSIX
def test_pip_outliving_its_killed_launcher_is_waited_for(installed: Clone) -> None:
    installed.build("alpha", "2.0", files=3000)
    installed.write("base", "alpha>=2\n")
    process = installed.start()
    wait_for(lambda: installed.unpacking("alpha"), 60)
    process.kill()
    process.communicate()
    done = installed.run()
    assert done.returncode == 7
    assert f"Waiting for another installation (process {process.pid})" in done.stderr


def test_damage_by_an_interrupted_installation_is_mended(installed: Clone) -> None:
    environment = installed.environment()
    marker = json.loads((environment / "troupe.json").read_text())
    (environment / "troupe.json").write_text(json.dumps({**marker, "unfinished": True}))
    next(environment.rglob("beta-1.0.dist-info/RECORD")).unlink()
    next(environment.rglob("alpha/__init__.py")).unlink()
    done = installed.run()
    assert done.returncode == 7
    assert "Repairing 2 packages" in done.stderr
    assert "Finishing the interrupted installation of base: about 1 MB to download" in done.stderr
    assert list(environment.rglob("beta-1.0.dist-info/RECORD"))
    assert list(environment.rglob("alpha/__init__.py"))


def test_an_interrupted_installation_that_left_all_packages_whole_has_nothing_to_download(installed: Clone) -> None:
    environment = installed.environment()
    marker = json.loads((environment / "troupe.json").read_text())
    (environment / "troupe.json").write_text(json.dumps({**marker, "unfinished": True}))
    done = installed.run()
    assert done.returncode == 7
    assert "Finishing the interrupted installation of base: next to nothing to download" in done.stderr
    assert "Updating" not in done.stderr
    assert installed.run().stderr == ""


def test_rebuilt_when_its_interpreter_is_gone(installed: Clone) -> None:
    installed.run("install", "piper")
    environment = installed.environment()
    config = environment / "pyvenv.cfg"
    lines = [
        "home = /nowhere/bin" if line.startswith("home") else line for line in config.read_text().splitlines()
    ]
    config.write_text("\n".join(lines))
    doctor = installed.run("doctor")
    assert doctor.returncode == 1
    assert "Python is gone" in doctor.stdout
    assert "extra" in installed.serve()["packages"]
    assert "/nowhere" not in config.read_text()
