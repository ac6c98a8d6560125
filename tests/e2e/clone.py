"""A clone of the repository to be started as people do: real pip, real environments, packages built here."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from server.boot.launch import REPOSITORY, child_environment

UNREACHABLE = "http://127.0.0.1:9/simple"
"""A package index where nobody answers."""
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


def index_at(url: str) -> dict[str, str]:
    """Variables with which pip asks a server instead of the folder."""
    return {"PIP_NO_INDEX": "0", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": url}


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
        for name in ("__init__.py", "__main__.py", "bootstrap.py", "cli.py", "errors.py", "files.py"):
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
        """A list."""
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
        """``python -m server`` in it, with further variables."""
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
        """The same to its end."""
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
        """What hosts read; empty where there is nothing to read."""
        try:
            return dict(json.loads((self.home / "state.json").read_text()))
        except FileNotFoundError:
            return {}

    def environment(self) -> Path:
        """The one environment there is."""
        (only,) = self.environments()
        return only

    def environments(self) -> list[Path]:
        """All of them."""
        folder = self.home / "env"
        return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []

    def unpacking(self, package: str) -> bool:
        """Whether pip has begun, but not ended, to write a package of thousands of files."""
        return any(self.home.glob(f"env/3*/[lL]ib/python3*/site-packages/{package}/m1*.py"))

    def pip_runs(self) -> int:
        """How often pip has been asked to install."""
        log = self.home / "logs" / "install.log"
        return log.read_text().count(" -m pip install ") if log.exists() else 0
