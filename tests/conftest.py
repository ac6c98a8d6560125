"""Fixtures that every test may use. No test sees the user's own TROUPE_HOME."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from server.boot.home import find_home
from tests import machine

_HOME = pytest.StashKey[Path]()
_SCRATCH = pytest.StashKey["tempfile.TemporaryDirectory[str]"]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_HOME] = find_home()
    config.stash[_SCRATCH] = tempfile.TemporaryDirectory(prefix="troupe-", ignore_cleanup_errors=True)
    os.environ["TROUPE_HOME"] = config.stash[_SCRATCH].name


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_SCRATCH].cleanup()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty TROUPE_HOME of the test's own."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("TROUPE_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def node() -> str:
    """The Node.js program; skips where there is none."""
    if (program := machine.node()) is None:
        pytest.skip("Node.js is not installed")
    return program


@pytest.fixture(scope="session")
def node_modules(node: str, pytestconfig: pytest.Config) -> Path:
    """Folder with ``playwright-core`` and ``openai``; skips where npm could not fetch them."""
    folder = machine.node_folder(pytestconfig.stash[_HOME])
    if not (folder / "complete").is_file():
        pytest.skip("the Node packages are not installed: python3 -m tests does it where npm can")
    return folder / "node_modules"


@pytest.fixture(scope="session")
def chromium() -> Path:
    """A browser for playwright's ``executablePath``; skips where there is none."""
    if (program := machine.browser()) is None:
        pytest.skip("no Chromium or Chrome is installed")
    return program
