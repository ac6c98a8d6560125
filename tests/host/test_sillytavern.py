"""A real SillyTavern from npm, in a real browser, against the real server with the tone engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.audio.chunk import AudioChunk
from server.speech.lane import Turn
from server.speech.rendition import RvcChoice
from tests.running import Running, running

pytestmark = pytest.mark.e2e

VERSION = os.environ.get("SILLYTAVERN_VERSION", "1.19.0")
"""1.13.1 is the oldest that our extension runs in."""
SUITES = Path(__file__).parent / "sillytavern"


@pytest.fixture(scope="module")
def tavern(node_modules: Path) -> Path:
    """An installed SillyTavern, kept for the next run; skips where npm cannot fetch it."""
    folder = node_modules.parent.parent / f"sillytavern-{VERSION}"
    if not (folder / "complete").is_file():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _npm(folder, "pack", f"sillytavern@{VERSION}")
        shutil.unpack_archive(folder / f"sillytavern-{VERSION}.tgz", folder, "gztar", **_safely())
        _npm(folder / "package", "install", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund")
        (folder / "complete").touch()
    return folder / "package"


def _safely() -> dict[str, str]:
    """The argument that keeps an archive inside its folder, where this Python has it (without it, newer ones warn)."""
    return {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def _npm(folder: Path, *arguments: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so there is no SillyTavern to test with")
    command = [npm, *arguments, "--loglevel", "error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        pytest.skip(f"SillyTavern {VERSION} could not be had from npm: {done.stderr.strip()[-300:]}")


class Converter:
    """Stands where RVC does: changes nothing, and remembers to whom it should have converted."""

    def __init__(self, served: Running) -> None:
        self.chosen: set[tuple[str, float]] = set()
        served.troupe.speech._speaker._open_conversion = self.open

    def open(self, choice: RvcChoice, rate: int, turn: Turn) -> Converter:
        self.chosen.add((choice.voice, choice.pitch))
        return self

    async def push(self, chunk: AudioChunk) -> list[AudioChunk]:
        return [chunk]

    async def finish(self) -> list[AudioChunk]:
        return []


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """With RVC on, and files in the place of its voices."""
    home = tmp_path_factory.mktemp("home")
    (home / "rvc").mkdir()
    for name in ("Ghost", "Wraith"):
        (home / "rvc" / f"{name}.pth").touch()
    with running(home, rvc__enabled="true") as server:
        yield server


@pytest.mark.parametrize(
    ("suite", "converted"),
    [
        pytest.param(
            "hosts-own", {("Ghost", 0), ("Wraith", 5)}, id="its own AllTalk and OpenAI Compatible providers"
        ),
        pytest.param(
            "ours", {("Ghost", -3), ("Wraith", 0)}, id="our extension, installed, heard, stopped, loaded anew"
        ),
        pytest.param("behaviour", set(), id="our narrator, whatever the chat does"),
    ],
)
def test_in_sillytavern(
    suite: str,
    converted: set[tuple[str, float]],
    tavern: Path,
    served: Running,
    node: str,
    node_modules: Path,
    chromium: Path,
) -> None:
    converter = Converter(served)
    environ = {
        **os.environ,
        "TROUPE_URL": served.url,
        "TROUPE_ST_DIR": str(tavern),
        "TROUPE_ST_NODE": str(node_modules.parent),
        "CHROMIUM": str(chromium),
    }
    done = subprocess.run(
        [node, "--test", "--test-reporter=spec", str(SUITES / f"{suite}.test.mjs")],
        env=environ, capture_output=True, text=True, encoding="utf-8", timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert converter.chosen == converted
