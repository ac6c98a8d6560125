"""The launcher as people meet it: real pip, real environments, packages small enough to build here."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from server.boot.launch import child_environment

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).resolve().parents[2]
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")

SERVE = '''
"""Stands in for the server: says where it runs, then does as the port tells it."""
import importlib.metadata, json, os, sys, time
from pathlib import Path
from server.boot.state import StateFile

def serve(arguments):
    state = StateFile(Path(arguments.home) / "state.json", version="0", instance=arguments.instance)
    state.update("ready", url="http://127.0.0.1:1")
    print(json.dumps({
        "prefix": sys.prefix, "owned": state.owned, "environ": dict(os.environ), "cwd": os.getcwd(),
        "packages": {d.name: d.version for d in importlib.metadata.distributions()},
    }), flush=True)
    if arguments.host_owned:
        sys.stdin.read()
    state.remove()
    return 7

def running_server(arguments):
    raise SystemExit("not here")
'''


class Clone:
    """A clone of the repository with small lists, a package index in a folder, and a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self.home = folder / "home"
        self.index = folder / "index"
        self.lists = self.folder / "server" / "requirements"
        self._started: list[subprocess.Popen[str]] = []
        self.index.mkdir(parents=True)
        self.lists.mkdir(parents=True)
        for name in ("__init__.py", "__main__.py", "bootstrap.py", "cli.py"):
            shutil.copy(REPOSITORY / "server" / name, self.folder / "server")
        shutil.copytree(
            REPOSITORY / "server" / "boot",
            self.folder / "server" / "boot",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (self.folder / "server" / "serve.py").write_text(SERVE)
        for package, version in (("alpha", "1.0"), ("beta", "1.0"), ("gamma", "1.0"), ("extra", "1.0")):
            self.build(package, version)
        self.write("base", "# size: 1\nalpha>=1\n")
        self.write("studio", "beta>=1\n")
        self.write("kokoro", "# needs: kokoro-data\n")
        self.write("kokoro-data", "# pip: --no-deps --ignore-requires-python\ngamma==1.0\n")
        self.write("piper", "# title: More voices\nextra>=1\n")

    def write(self, name: str, text: str) -> None:
        (self.lists / f"{name}.txt").write_text(text)

    def build(self, package: str, version: str, /, files: int = 1, **modules: str) -> None:
        """Put a wheel into the index, with further ``modules`` of the text given."""
        info = f"{package}-{version}.dist-info"
        content = {f"{package}/{'__init__' if n == 0 else f'm{n}'}.py": f"n = {n}\n" for n in range(files)}
        content |= {f"{package}/{name}.py": text for name, text in modules.items()}
        content[f"{info}/METADATA"] = (
            f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
            # The list for these has the option to overlook it.
            + ("Requires-Python: <3.5\nRequires-Dist: nowhere\n" if package == "gamma" else "")
        )
        content[f"{info}/WHEEL"] = (
            "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        record = ""
        for name, text in content.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
            record += f"{name},sha256={digest},{len(text)}\n"
        content[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
        with zipfile.ZipFile(self.index / f"{package}-{version}-py3-none-any.whl", "w") as wheel:
            for name, text in content.items():
                wheel.writestr(name, text)

    def environ(self, **more: str) -> dict[str, str]:
        """Variables with which pip knows the folder and no network."""
        plain = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
        offline = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(self.index)}
        # Whoever has the documented port on this machine is no concern of these tests.
        own = {"TROUPE_HOME": str(self.home), "TROUPE_SERVER__PORT": "0"}
        return {**child_environment(plain), **offline, **own, **more}

    def start(self, *argv: str, **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "server", *argv],
            cwd=self.folder,
            env=self.environ(**more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def close(self) -> None:
        """End what a test has left running."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def run(self, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*argv, **more)
        out, err = process.communicate(timeout=180)
        return subprocess.CompletedProcess(argv, process.returncode, out, err)

    def serve(self, *argv: str, **more: str) -> dict[str, Any]:
        """Start it to where it would serve; what the stand-in said."""
        done = self.run(*argv, **more)
        assert done.returncode == 7, done.stderr
        answer = json.loads(done.stdout)
        assert isinstance(answer, dict)
        return answer

    def state(self) -> dict[str, Any]:
        try:
            return dict(json.loads((self.home / "state.json").read_text()))
        except FileNotFoundError:
            return {}

    def environment(self) -> Path:
        """The one environment there is."""
        (only,) = self.environments()
        return only

    def environments(self) -> list[Path]:
        folder = self.home / "env"
        return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []

    def unpacking(self, package: str) -> bool:
        """Whether pip has begun, but not ended, to write a package of thousands of files."""
        return any(self.home.glob(f"env/3*/[lL]ib/python3*/site-packages/{package}/m1*.py"))

    def pip_runs(self) -> int:
        log = self.home / "logs" / "install.log"
        return log.read_text().count(" -m pip install ") if log.exists() else 0


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    """Nothing installed yet."""
    clone = Clone(tmp_path)
    yield clone
    clone.close()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone after its first start, to be copied."""
    clone = Clone(tmp_path_factory.mktemp("finished"))
    clone.serve()
    yield clone
    clone.close()


@pytest.fixture
def installed(clone: Clone, finished: Clone) -> Clone:
    """A clone after its first start; environments know no paths and can be copied."""
    shutil.copytree(finished.home, clone.home, symlinks=True)
    return clone


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


@pytest.fixture
def silent_index() -> Iterator[str]:
    """A package index that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"


def hanging(index: str) -> dict[str, str]:
    return {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": index}


def test_first_start_installs_and_second_needs_nothing(clone: Clone, tmp_path: Path) -> None:
    dirty = {"PYTHONPATH": str(tmp_path), "CONDA_PREFIX": "/conda"}
    process = clone.start(**dirty)
    phases: list[str] = []
    while process.poll() is None:
        phase = clone.state().get("phase")
        if phase and phase not in phases:
            phases.append(phase)
        time.sleep(0.005)
    out, err = process.communicate()
    assert process.returncode == 7, err
    answer = json.loads(out)
    assert "installing" in phases
    assert "about 1 MB to download" in err
    assert answer["owned"]
    assert Path(answer["prefix"]) == clone.environment()
    assert clone.environment().name.startswith(f"{sys.version_info[0]}.{sys.version_info[1]}-")
    assert {"alpha", "beta", "gamma"} <= set(answer["packages"])
    assert not {"PYTHONPATH", "CONDA_PREFIX"} & set(answer["environ"])
    assert Path(answer["cwd"]) == clone.folder
    assert clone.state() == {}

    runs = clone.pip_runs()
    again = clone.run(**hanging("http://127.0.0.1:9/simple"))
    assert (again.returncode, again.stderr) == (7, "")
    assert clone.pip_runs() == runs


def test_a_changed_list_changes_only_its_packages(installed: Clone) -> None:
    before = installed.environment()
    kept = installed.environment().rglob("alpha/__init__.py")
    stamp = next(kept).stat().st_mtime_ns
    installed.build("beta", "2.0")
    installed.write("studio", "beta>=2\n")
    answer = installed.serve()
    assert answer["packages"]["beta"] == "2.0"
    assert next(installed.environment().rglob("alpha/__init__.py")).stat().st_mtime_ns == stamp
    assert installed.environment() != before


def test_an_engine_on_demand_stays_through_changes(installed: Clone) -> None:
    name = installed.environment()
    done = installed.run("install", "piper")
    assert done.returncode == 0, done.stderr
    assert "More voices" in done.stdout
    assert installed.environment() == name
    assert installed.state() == {}
    installed.write("base", "alpha>=1\nbeta>=1\n")
    assert "extra" in installed.serve()["packages"]
    installed.build("extra", "2.0")
    installed.write("piper", "extra>=2\n")
    assert installed.serve()["packages"]["extra"] == "2.0"
    # An engine nobody asks for now must not keep the server from starting.
    installed.write("piper", "extra>=3\n")
    done = installed.run()
    assert done.returncode == 7
    assert "Not brought up to date" in done.stderr


def test_an_engine_named_at_the_start_is_installed(installed: Clone) -> None:
    assert "extra" in installed.serve("--engine", "piper")["packages"]
    done = installed.run("install", "nothing")
    assert done.returncode == 1
    assert "There is: base" in done.stderr


@POSIX
def test_killed_while_unpacking_it_is_repaired(installed: Clone) -> None:
    installed.build("alpha", "2.0", files=3000)
    installed.write("base", "alpha>=2\n")
    process = installed.start()
    wait_for(lambda: installed.unpacking("alpha"))
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
    wait_for(lambda: installed.unpacking("alpha"))
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


def test_two_starts_at_once_install_once(clone: Clone) -> None:
    both = [clone.start("--host-owned"), clone.start("--host-owned")]
    for process in both:
        assert process.stdout is not None
    answers = [json.loads(process.stdout.readline()) for process in both if process.stdout]
    assert sorted(answer["owned"] for answer in answers) == [False, True]
    assert {answer["prefix"] for answer in answers} == {str(clone.environment())}
    said = "".join(process.communicate()[1] for process in both)
    assert said.count("Installing base") == 1
    assert said.count("Waiting for another installation") >= 1
    assert clone.state() == {}


def test_no_network_and_nothing_installed_is_one_message(clone: Clone) -> None:
    done = clone.run(**hanging("http://127.0.0.1:9/simple"), PIP_RETRIES="1")
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("Troupe:")]
    assert len(said) == 1
    assert "Check the network" in said[0]
    assert "Traceback" not in done.stderr
    assert (clone.state()["phase"], "Check the network" in clone.state()["detail"]) == ("failed", True)
    clone.serve()


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
    process = installed.start("--host-owned", **hanging(silent_index))
    wait_for(lambda: installed.pip_runs() > before)
    started = time.monotonic()
    if isinstance(how, signal.Signals):
        process.send_signal(how)
    elif process.stdin is not None:
        process.stdin.close()
    assert process.wait(10) == 1
    assert time.monotonic() - started < 5
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    assert installed.state()["phase"] == "failed"
    assert installed.serve()["packages"]["beta"] == "2.0"


def test_a_server_in_use_keeps_its_environment(installed: Clone) -> None:
    first = installed.environment()
    running = installed.start("--host-owned")
    assert running.stdout is not None
    assert json.loads(running.stdout.readline())["owned"]
    refused = installed.run("uninstall", "--yes")
    assert refused.returncode == 1
    assert "stop the server first" in refused.stderr
    installed.write("studio", "beta>=0.5\n")
    other = installed.serve()
    assert not other["owned"]
    assert Path(other["prefix"]) != first
    assert first.is_dir()
    assert installed.state()["phase"] == "ready"
    assert running.poll() is None
    running.communicate()
    # Nobody uses the older one now; the next change takes it over or removes it.
    installed.write("studio", "beta>=0.6\n")
    installed.serve()
    assert len(installed.environments()) == 1
    assert not first.exists()


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


def test_environments_of_other_pythons_go_when_idle(installed: Clone) -> None:
    folder = installed.home / "env"
    for name, age in (("3.9-00000000", 8), ("3.8-00000000", 1)):
        shutil.copytree(installed.environments()[0], folder / name, symlinks=True)
        use = folder / f".{name}.use"
        use.touch()
        os.utime(use, (time.time() - age * 86400,) * 2)
    installed.write("studio", "beta>=0.5\n")
    installed.serve()
    left = {path.name.partition("-")[0] for path in installed.environments()}
    assert left == {"3.8", f"{sys.version_info[0]}.{sys.version_info[1]}"}


def test_doctor_tells_what_is_missing(clone: Clone) -> None:
    before = clone.run("doctor")
    assert before.returncode == 1
    assert "not made yet" in before.stdout
    assert "-m server install" in before.stdout
    assert not clone.environments()


def test_doctor_tells_what_is_installed(installed: Clone) -> None:
    after = installed.run("doctor")
    assert after.returncode == 0, after.stdout
    assert "Installed    base" in after.stdout
    assert "Available    piper: More voices" in after.stdout
    assert "Nothing is missing." in after.stdout
    assert str(installed.environment()) in after.stdout


def test_uninstall_asks_and_keeps_what_is_the_users(installed: Clone) -> None:
    (installed.home / "voices").mkdir()
    process = installed.start("uninstall")
    out, _ = process.communicate("n\n")
    assert process.returncode == 1
    assert "Nothing was removed" in out
    assert installed.environments()
    assert installed.run("uninstall", "--yes").returncode == 0
    assert not (installed.home / "env").exists()
    assert (installed.home / "voices").is_dir()
    assert installed.run("uninstall", "--yes", "--everything").returncode == 0
    assert not installed.home.exists()


def test_a_python_that_has_everything_is_used_as_it_is(clone: Clone) -> None:
    answer = clone.serve("--this-python")
    assert Path(answer["prefix"]) == Path(sys.prefix)
    assert answer["owned"]
    assert not clone.environments()


@POSIX
def test_a_first_start_beside_a_card_stays_on_the_cpu_and_offers(clone: Clone, tmp_path: Path) -> None:
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\ncase $1 in *driver*) echo 580.65;; *) echo 'Example 4090, 24564 MiB';; esac\n")
    tool.chmod(0o755)
    clone.write("torch", "# build: torch\ntorch\n")
    clone.write("kokoro-torch", "# size: 5\n# needs: kokoro torch\n# offer: nvidia\nextra\n")
    path = os.pathsep.join([str(tool.parent), os.environ["PATH"]])
    first = clone.run(PATH=path)
    assert first.returncode == 7
    assert "graphics card (Example 4090, 24564 MiB)" in first.stderr
    assert "-m server install kokoro-torch    (2705 MB to download)" in first.stderr
    assert "torch" not in json.loads(first.stdout)["packages"]
    assert clone.run(PATH=path).stderr == ""


@POSIX
def test_pytorch_is_exchanged_when_a_card_has_come(installed: Clone, tmp_path: Path) -> None:
    """Only when it is asked for by its name: gigabytes, and pip would keep the version it has."""
    for build in ("cpu", "cu130"):
        installed.build("torch", f"2.13.0+{build}", version=f"__version__ = '2.13.0+{build}'\n")
    installed.write("torch", "# title: PyTorch\n# build: torch\ntorch>=2.10\n")
    installed.write("voice", "# needs: torch\nextra\n")
    hidden = installed.index / "torch-2.13.0+cu130-py3-none-any.whl"
    aside = hidden.rename(tmp_path / hidden.name)  # else pip takes it, as it would from the card's index
    assert installed.run("install", "voice").returncode == 0
    assert installed.serve()["packages"]["torch"] == "2.13.0+cpu"
    aside.rename(hidden)

    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\ncase $1 in *driver*) echo 580.65;; *cap*) echo 8.9;; *) echo 'A 4090';; esac\n")
    tool.chmod(0o755)
    path = os.pathsep.join([str(tool.parent), os.environ["PATH"]])
    assert installed.run("install", "voice", PATH=path).returncode == 0
    assert installed.serve(PATH=path)["packages"]["torch"] == "2.13.0+cpu"
    hidden.rename(aside)
    (installed.index / "torch-2.13.0+cpu-py3-none-any.whl").rename(tmp_path / "cpu.whl")
    assert installed.run("install", "torch", PATH=path).returncode == 1
    assert installed.serve(PATH=path)["packages"]["torch"] == "2.13.0+cpu", "nothing is lost without a network"
    aside.rename(hidden)
    done = installed.run("install", "torch", PATH=path)
    assert done.returncode == 0, done.stderr
    assert "it is exchanged" in done.stderr
    assert "PyTorch for NVIDIA cards, CUDA 13.0: at most 2700 MB" in done.stderr
    packages = installed.serve(PATH=path)["packages"]
    assert packages["torch"] == "2.13.0+cu130"
    assert "extra" in packages
    runs = installed.pip_runs()
    assert installed.run("install", "torch", PATH=path).returncode == 0
    assert installed.pip_runs() == runs, "the right build is left alone"


def test_a_home_that_cannot_be_made_is_one_message(clone: Clone) -> None:
    clone.home.write_text("a file")
    done = clone.run()
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert str(clone.home) in done.stderr


@POSIX
@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
def test_start_sh_passes_everything_on(clone: Clone) -> None:
    shutil.copy(REPOSITORY / "start.sh", clone.folder)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [clone.folder / "start.sh", "--this-python"],
        cwd=clone.folder.parent,
        env=clone.environ(PATH=path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert Path(json.loads(done.stdout)["cwd"]) == clone.folder


@POSIX
def test_start_sh_says_what_to_install(clone: Clone, tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "start.sh", clone.folder)
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "dirname"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    done = subprocess.run(
        [str(tools / "sh"), str(clone.folder / "start.sh")],
        env={"PATH": str(tools)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "found none" in done.stderr
