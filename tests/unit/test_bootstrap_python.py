"""The launcher's own Python and the environment's: what is too old, gone, incomplete or another's."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from extension import process
from server.boot import launch
from server.boot.environment import Environment
from server.boot.errors import BootError
from server.boot.launch import REPOSITORY, child_environment
from server.boot.stop import never
from server.boot.venv import make_environment

pytestmark = pytest.mark.unit


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
    alone = [REPOSITORY / "server" / name for name in ("bootstrap.py", "files.py")]
    for path in [*alone, *(REPOSITORY / "server" / "boot").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, path
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                assert module.split(".")[0] in allowed, path
                own = module.startswith("server.")
                assert not own or module.startswith(("server.boot", "server.cli", "server.files")), f"{path}: {module}"


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


def test_another_pythons_variables_are_one_list_written_twice() -> None:
    """pip's are dropped by the launcher, which calls it; Gradio's by the extension, whose host sets them."""
    assert set(launch.PYTHONS) == process.PYTHONS
    assert (*launch.BEGINNINGS, "GRADIO_") == process.BEGINNINGS
    names = [*process.PYTHONS, *(f"{beginning}X" for beginning in launch.BEGINNINGS)]
    environ = dict.fromkeys([*names, *map(str.lower, names)], "x") | {"PATH": "/bin"}
    assert process.clean_environment(environ) == {"PATH": "/bin"}
    assert child_environment(environ) == {"PATH": "/bin", "PYTHONUTF8": "1", "PIP_USER": "0"}
