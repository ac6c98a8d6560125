"""The launcher's parts: command line, home, lists, state, locks, variables."""

from __future__ import annotations

import ast
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from extension import home as extension_home
from server.boot import home as server_home
from server.boot import torch_build
from server.boot.arguments import parse
from server.boot.environment import Environment
from server.boot.errors import BootError, Stopped
from server.boot.hardware import nvidia_capability, nvidia_cards
from server.boot.launch import child_environment
from server.boot.lists import DEFAULT, RequirementsList, digest_of, load_list, load_lists, names
from server.boot.lock import FileLock
from server.boot.pip import PipFailed, PipRun
from server.boot.state import StateFile, read_state, write_atomically
from server.boot.stop import never, when_host_leaves
from server.boot.torch_build import choose_build, for_this_machine, from_pypi, refuse_silent_exchange
from server.boot.venv import make_environment

pytestmark = pytest.mark.unit

REPOSITORY = Path(__file__).resolve().parents[2]


def write_list(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.txt").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, "/u/.local/share/troupe"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/troupe"),
        ("darwin", {"XDG_DATA_HOME": "/data"}, "/u/Library/Application Support/Troupe"),
        ("win32", {"LOCALAPPDATA": "/u/Local"}, "/u/Local/Troupe"),
        ("win32", {}, "/u/AppData/Local/Troupe"),
    ],
)
def test_home_is_one_rule_written_twice(platform: str, environ: dict[str, str], expected: str) -> None:
    for module in (server_home, extension_home):
        assert module.default_home(platform, environ, Path("/u")) == Path(expected)


def test_home_argument_wins_over_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TROUPE_HOME", str(tmp_path / "variable"))
    assert server_home.find_home() == extension_home.find_home() == tmp_path / "variable"
    assert server_home.find_home(str(tmp_path / "argument")) == tmp_path / "argument"


def test_no_command_means_serve() -> None:
    arguments = parse(["--port", "7900", "--host-name", "a", "--host-name", "b"])
    assert (arguments.command, arguments.port, arguments.host_name) == ("serve", 7900, ["a", "b"])
    assert arguments.host is None
    assert arguments.allow_origin == []
    assert not arguments.listen


def test_options_count_before_and_after_the_command() -> None:
    arguments = parse(["--port", "7900", "--home", "/before", "serve", "--host-owned", "--home", "/after"])
    assert (arguments.port, arguments.host_owned, arguments.home) == (7900, True, "/after")
    assert parse(["--engine", "tone", "voices"]).engine == "tone"


def test_output_does_not_depend_on_the_folder_later() -> None:
    assert parse(["say", "hello", "-o", "a.wav"]).output == Path.cwd() / "a.wav"


@pytest.mark.parametrize(
    "argv", [["--port", "65536"], ["--port", "x"], ["say", "text"], ["--log-level", "loud"]]
)
def test_bad_command_lines_are_refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(argv)
    assert "error:" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["abc", "65536", "-1", "\N{SUPERSCRIPT TWO}"])
def test_a_port_that_is_none_is_told_what_one_is(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse([f"--port={port}"])
    assert f"--port: expected a number from 0 (any free port) to 65535, found '{port}'" in capsys.readouterr().err


def test_what_follows_an_installation_is_no_command_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse(["nosuch"])
    said = capsys.readouterr().err
    assert "fetch" not in said
    assert "install" in said
    assert parse(["fetch", "xtts"]).names == ["xtts"]


STOPPED = """
import sys
class Interrupted:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupted())
sys.argv = ["server", "--this-python"]
import runpy
runpy.run_module("server", run_name="__main__")
"""


@pytest.mark.parametrize("module", ["server.bootstrap", "server.boot.environment", "server.cli", "uvicorn"])
def test_ctrl_c_in_the_middle_of_an_import_ends_in_a_word(module: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED.format(module=module)],
        cwd=REPOSITORY,
        env={**os.environ, "TROUPE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "Troupe: Stopped.\n")


def test_an_old_python_can_read_its_refusal() -> None:
    for name in ("__main__.py", "__init__.py"):
        source = (REPOSITORY / "server" / name).read_text(encoding="utf-8")
        source.encode("ascii")  # Python 2 wants nothing else without a declaration
        ast.parse(source, feature_version=(3, 4))


def test_the_launcher_imports_the_standard_library_only() -> None:
    allowed = set(sys.stdlib_module_names) | {"server"}
    for path in [REPOSITORY / "server" / "bootstrap.py", *(REPOSITORY / "server" / "boot").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, path
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                assert module.split(".")[0] in allowed, path
                own = module.startswith("server.")
                assert not own or module.startswith(("server.boot", "server.cli")), f"{path}: {module}"


def test_a_list_speaks_about_itself(tmp_path: Path) -> None:
    write_list(
        tmp_path,
        "voice",
        "# title: A voice\n# size: 12.5 MB\n# needs: data, more\n# pip: --no-deps --index-url 'x y'\n"
        "# offer: nvidia\n# Why: nothing\nalpha>=1 # reason\n\nbeta\n",
    )
    item = load_list("voice", tmp_path)
    assert (item.title, item.size, item.needs) == ("A voice", 12.5, ("data", "more"))
    assert item.pip == ("--no-deps", "--index-url", "x y")
    assert item.offer == "nvidia"
    assert item.requirements == ("alpha>=1", "beta")


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("# other words\nalpha>=1  # and another reason\n", False),
        ("alpha>=1\r\n", False),
        ("alpha>=2\n", True),
        ("# pip: --no-deps\nalpha>=1\n", True),
    ],
)
def test_only_what_is_installed_changes_the_digest(tmp_path: Path, text: str, changes: bool) -> None:
    write_list(tmp_path, "one", "# words\nalpha>=1\n")
    before = load_list("one", tmp_path)
    write_list(tmp_path, "one", text)
    after = load_list("one", tmp_path)
    assert (after.digest != before.digest) is changes
    assert (digest_of([after]) != digest_of([before])) is changes


def test_needs_are_followed_once(tmp_path: Path) -> None:
    write_list(tmp_path, "one", "# needs: two\n")
    write_list(tmp_path, "two", "# needs: one, three\n")
    write_list(tmp_path, "three", "")
    assert [item.name for item in load_lists(["one", "three"], tmp_path)] == ["one", "two", "three"]


def test_an_unknown_list_names_those_there_are(tmp_path: Path) -> None:
    write_list(tmp_path, "one", "")
    with pytest.raises(BootError, match=r"named 'two'.*There is: one\."):
        load_list("two", tmp_path)


def test_shipped_lists_say_title_and_size() -> None:
    for name in names():
        item = load_list(name)
        assert item.title != name
        assert item.size > 0
        assert item.requirements or item.needs


def test_the_tests_lists_have_names_of_their_own() -> None:
    """What is installed is remembered by name: of two alike one would be installed anew at every run."""
    assert not {path.stem for path in (REPOSITORY / "tests" / "requirements").glob("*.txt")} & set(names())


def test_the_first_installation_is_below_500_megabytes() -> None:
    assert sum(item.size for item in load_lists(DEFAULT)) < 500


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
    write_atomically(path, "x" * 100_000)
    write_atomically(path, "y")
    assert path.read_text() == "y"
    assert [item.name for item in tmp_path.iterdir()] == ["state.json"]


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


def test_another_pythons_variables_are_dropped() -> None:
    kept = child_environment(
        {
            "PYTHONHOME": "/host",
            "PYTHONPATH": "/host/lib",
            "CONDA_PREFIX": "/conda",
            "CONDA_DEFAULT_ENV": "base",
            "_CE_CONDA": "1",
            "VIRTUAL_ENV": "/host/venv",
            "PIP_TARGET": "/elsewhere",
            "PIP_INDEX_URL": "https://mirror.example/simple",
            "PATH": "/bin",
            "HTTPS_PROXY": "http://proxy.example",
        }
    )
    assert kept == {
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "PATH": "/bin",
        "HTTPS_PROXY": "http://proxy.example",
        "PYTHONUTF8": "1",
        "PIP_USER": "0",
    }


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


def driver_says(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the tool of NVIDIA's driver, found first."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for nvidia-smi is a shell script")
@pytest.mark.parametrize(
    ("script", "cards"),
    [
        ("echo 'NVIDIA Example 4090, 24564 MiB'", ["NVIDIA Example 4090, 24564 MiB"]),
        ("echo 'NVIDIA-SMI has failed'; exit 9", []),
    ],
)
def test_a_card_is_seen_when_its_driver_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, cards: list[str]
) -> None:
    driver_says(script, tmp_path, monkeypatch)
    assert nvidia_cards() == cards


@pytest.mark.parametrize(
    ("system", "driver", "capability", "words", "options"),
    [
        ("linux", 580, 8.6, "CUDA 13", ["cu130"]),
        ("win32", 595, 12.0, "CUDA 13", ["cu130"]),
        ("linux", 595, None, "CUDA 13", ["cu130"]),
        ("linux", 580, 6.1, "CUDA 12.6", ["cu126", "torch<2.15"]),  # Pascal and Volta ended with CUDA 12
        ("win32", 595, 7.0, "CUDA 12.6", ["cu126", "torch<2.15"]),
        ("linux", 575, 12.0, "CUDA 12.8", ["cu128", "torch<2.12"]),  # Blackwell under an older driver
        ("linux", 575, 8.9, "CUDA 12.6", ["cu126", "torch<2.15"]),
        ("win32", 535, 8.6, "CUDA 12.6", ["cu126", "torch<2.15"]),
        ("linux", 470, 3.5, "driver 470 is too old", ["cpu"]),
        ("win32", 470, None, "driver 470 is too old", []),
        ("linux", None, None, "for the CPU", ["cpu"]),
        ("win32", None, None, "for the CPU", []),
    ],
)
def test_torch_is_built_for_the_card(
    system: str, driver: int | None, capability: float | None, words: str, options: list[str]
) -> None:
    build = choose_build(system, "x86_64", driver, capability, amd=driver is not None)
    assert words in build.title
    assert [option.rpartition("/")[2] for option in build.options() if option != "--extra-index-url"] == options


@pytest.mark.parametrize(
    ("there", "driver", "capability", "fits"),
    [
        ("2.13.0+cu130", 580, 8.6, True),
        ("2.11.0+cu128", 590, 8.6, True),  # another would be given now, but it runs
        ("2.13.0+cu126", 590, 12.0, False),
        ("2.13.0+cu130", 575, 8.6, False),
        ("2.13.0+cu130", 580, 6.1, False),
        ("2.13.0+cpu", 580, 8.6, False),
        ("2.13.0", 580, 8.6, False),
        ("2.13.0+cpu", None, None, True),
        ("2.13.0", None, None, True),
        ("2.13.0+cu130", None, None, False),
        ("2.13.0+cu126", 470, 8.6, False),
        (None, None, None, False),
    ],
)
def test_a_build_that_is_there_fits_or_not(
    there: str | None,
    driver: int | None,
    capability: float | None,
    fits: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch_build, "nvidia_driver", lambda: driver)
    monkeypatch.setattr(torch_build, "nvidia_capability", lambda: capability)
    monkeypatch.setattr(torch_build.sys, "platform", "linux")
    if there is not None:
        (tmp_path / "torch").mkdir()
        (tmp_path / "torch" / "version.py").write_text(f"__version__ = '{there}'\ndebug = False\n")
    assert torch_build.fits_this_machine(tmp_path) is fits


CPU_BUILD = RequirementsList(
    name="torch",
    path=Path("torch.txt"),
    digest="d",
    title="PyTorch for the CPU",
    size=200.0,
    needs=(),
    pip=("--quiet", "--extra-index-url", f"{torch_build._INDEX}/cpu"),
    offer="",
    build="torch",
    requirements=("torch",),
)


def test_another_build_of_torch_is_not_taken_in_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        index = f"http://127.0.0.1:{gone.getsockname()[1]}/whl"
    monkeypatch.setattr(torch_build, "_INDEX", index)
    monkeypatch.setattr(torch_build, "_PYPI", ("for NVIDIA cards, CUDA 13", 2700.0))
    chosen = replace(CPU_BUILD, pip=("--extra-index-url", f"{index}/cpu"))
    with pytest.raises(PipFailed) as refused:
        refuse_silent_exchange(chosen)
    said = str(refused.value)
    assert said.startswith("127.0.0.1, from where PyTorch for the CPU (200 MB) comes, does not answer.")
    assert "for NVIDIA cards, CUDA 13, 2700 MB: " in said
    assert said.endswith("install torch --pypi-torch")
    assert parse(["install", "torch", "--pypi-torch"]).pypi_torch
    refuse_silent_exchange(replace(chosen, pip=()))  # PyPI's is the chosen one


def test_an_index_that_answers_is_left_to_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler) as server:
        monkeypatch.setattr(SimpleHTTPRequestHandler, "log_message", lambda *words: None)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        index = f"http://127.0.0.1:{server.server_address[1]}/nothing-there"
        monkeypatch.setattr(torch_build, "_INDEX", index)
        refuse_silent_exchange(replace(CPU_BUILD, pip=("--extra-index-url", f"{index}/cpu")))
        server.shutdown()
        thread.join()


def test_who_takes_torch_from_pypi_is_told_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_build, "_PYPI", ("for NVIDIA cards, CUDA 13", 2700.0))
    taken = from_pypi(CPU_BUILD)
    assert (taken.title, taken.size, taken.pip) == ("PyTorch for NVIDIA cards, CUDA 13", 2700.0, ("--quiet",))
    plain = replace(CPU_BUILD, pip=("--quiet",))
    assert from_pypi(plain) == plain


@pytest.mark.parametrize(
    ("variables", "own"),
    [({}, False), ({"PIP_FIND_LINKS": "/wheels"}, True), ({"PIP_EXTRA_INDEX_URL": "http://mirror/simple"}, True)],
)
def test_sources_that_pip_was_told_of_are_known(variables: dict[str, str], own: bool, tmp_path: Path) -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    pip = PipRun(
        Path(sys.executable), tmp_path, tmp_path / "log", {**environ, "PIP_CONFIG_FILE": os.devnull, **variables}
    )
    assert pip.has_own_sources() is own


def test_torch_is_built_for_amd_and_apple() -> None:
    amd = choose_build("linux", "x86_64", amd=True)
    assert "AMD" in amd.title
    assert amd.options()[1].endswith("/rocm7.2")
    assert choose_build("darwin", "arm64").options() == ()
    assert "Apple" in choose_build("darwin", "arm64").title
    assert "no longer made" in choose_build("darwin", "x86_64").title


@pytest.mark.parametrize(("answer", "capability"), [("8.9\n6.1", 6.1), ("12.0", 12.0), ("[N/A]", None), ("", None)])
@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for nvidia-smi is a shell script")
def test_the_oldest_card_counts(
    answer: str, capability: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver_says(f"printf '{answer}'", tmp_path, monkeypatch)
    assert nvidia_capability() == capability


def test_only_the_list_that_asks_gets_a_build(tmp_path: Path) -> None:
    write_list(tmp_path, "voice", "# needs: torch\nalpha\n")
    write_list(tmp_path, "torch", "# title: PyTorch\n# build: torch\ntorch\n")
    voice, torch = load_lists(["voice", "torch"], tmp_path)
    chosen = for_this_machine([voice, torch])
    assert chosen[0] == voice
    assert chosen[1].title.startswith("PyTorch ")
    assert chosen[1].title != torch.title
    assert chosen[1].size >= 90
    assert chosen[1].digest == torch.digest


def test_a_python_without_venv_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "ensurepip" else object())
    with pytest.raises(BootError, match=r"has no ensurepip\. Install (it: sudo apt|the full)"):
        make_environment(tmp_path / "env", never)
    assert not (tmp_path / "env").exists()


@pytest.mark.parametrize(
    ("target", "config", "alive"),
    [
        ("python3.12", "home = {home}\nversion = 3.12.1", True),
        ("python3.13", "home = {home}\nversion = 3.12.1", False),
        ("python3.12", "home = /nowhere\nversion = 3.12.1", False),
        ("gone", "home = {home}\nversion = 3.12.1", False),
        ("python3", "home = {home}\nversion = 3.12.1", True),
        ("python3.12", None, False),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="environments hold copies there, not links")
def test_an_environment_lives_while_its_interpreter_does(
    tmp_path: Path, target: str, config: str | None, alive: bool
) -> None:
    for name in ("python3", "python3.12", "python3.13"):
        (tmp_path / name).touch()
    environment = Environment(tmp_path / "env")
    environment.python.parent.mkdir(parents=True)
    environment.python.symlink_to(tmp_path / target)
    if config is not None:
        (environment.path / "pyvenv.cfg").write_text(config.format(home=tmp_path))
    assert environment.alive() is alive


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
