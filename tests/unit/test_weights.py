"""Weights: every source, every way to be wrong, and nothing under its final name before it is right."""

from __future__ import annotations

import hashlib
import io
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from server.engines import weights
from server.engines.weights import PackagedPart, WeightFile, obtain
from server.errors import Unavailable

pytestmark = pytest.mark.unit

CONTENT = b"weights " * 400_000
INSTALL = "python3 -m server install toy"


class Answer:
    """What a server says."""

    def __init__(self, body: bytes, status: int = 200) -> None:
        self.status = status
        self._stream = io.BytesIO(body)

    def read(self, amount: int, /) -> bytes:
        return self._stream.read(amount)

    def close(self) -> None:
        self._stream.close()


class Server:
    """Answers with ``body``; understands Range unless told otherwise; remembers what was asked."""

    def __init__(self, body: bytes, ranges: bool = True) -> None:
        self.body, self.ranges, self.asked = body, ranges, list[str | None]()

    def __call__(self, request: urllib.request.Request) -> Answer:
        asked = request.get_header("Range")
        self.asked.append(asked)
        if asked and self.ranges:
            return Answer(self.body[int(asked.removeprefix("bytes=").removesuffix("-")) :], 206)
        return Answer(self.body)


def toy(parts: tuple[PackagedPart, ...] = (), content: bytes = CONTENT) -> WeightFile:
    return WeightFile(
        name="toy.onnx",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        parts=parts,
        url="https://example.org/toy.onnx",
        redirects=("cdn.example.net",),
    )


def quiet(detail: str, fraction: float | None) -> None:
    """Nobody is looking."""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PackagedPart, ...]:
    """Two installed packages that carry the content in halves."""
    site = tmp_path / "site"
    half = len(CONTENT) // 2
    for name, data in (("toy_part_1", CONTENT[:half]), ("toy_part_2", CONTENT[half:])):
        (site / name).mkdir(parents=True)
        (site / name / "__init__.py").write_text("raise RuntimeError('data packages are not to be imported')")
        (site / name / "part.bin").write_bytes(data)
    monkeypatch.syspath_prepend(str(site))
    return PackagedPart("toy_part_1", "part.bin"), PackagedPart("toy_part_2", "part.bin")


def test_packages_are_joined_once(packages: tuple[PackagedPart, ...], tmp_path: Path) -> None:
    said: list[float | None] = []
    path = obtain(toy(packages), tmp_path / "models", lambda detail, fraction: said.append(fraction), INSTALL)
    assert path.read_bytes() == CONTENT
    assert said[-1] == 1.0
    said.clear()
    again = obtain(toy(packages), tmp_path / "models", lambda detail, fraction: said.append(fraction), INSTALL)
    assert again == path
    assert not said
    assert [file.name for file in path.parent.iterdir()] == ["toy.onnx"]


def test_packages_come_before_the_network(packages: tuple[PackagedPart, ...], tmp_path: Path) -> None:
    server = Server(CONTENT)
    obtain(toy(packages), tmp_path, quiet, INSTALL, server)
    assert not server.asked


def test_packages_of_another_version_are_refused(packages: tuple[PackagedPart, ...], tmp_path: Path) -> None:
    other = toy(packages, CONTENT[:-1] + b"!")
    with pytest.raises(Unavailable, match="not the expected file"):
        obtain(other, tmp_path / "models", quiet, INSTALL)
    assert not list((tmp_path / "models").iterdir())


def test_a_file_dropped_in_is_used(tmp_path: Path) -> None:
    (tmp_path / "toy.onnx").write_bytes(CONTENT)
    server = Server(b"")
    assert obtain(toy(), tmp_path, quiet, INSTALL, server).read_bytes() == CONTENT
    assert not server.asked


def test_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "toy.onnx").write_bytes(CONTENT[:-1])
    assert obtain(toy(), tmp_path, quiet, INSTALL, Server(CONTENT)).read_bytes() == CONTENT


def test_a_damaged_file_that_cannot_be_replaced_is_named(tmp_path: Path) -> None:
    (tmp_path / "toy.onnx").write_bytes(b"rubbish")
    with pytest.raises(Unavailable, match="is damaged") as error:
        obtain(toy(), tmp_path, quiet, INSTALL, Server(b"more rubbish"))
    assert INSTALL in error.value.message


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_goes_on_where_it_stopped(tmp_path: Path, ranges: bool) -> None:
    cut = len(CONTENT) // 3
    with pytest.raises(Unavailable, match="connection ended"):
        obtain(toy(), tmp_path, quiet, INSTALL, Server(CONTENT[:cut]))
    assert not (tmp_path / "toy.onnx").exists()
    server = Server(CONTENT, ranges)
    assert obtain(toy(), tmp_path, quiet, INSTALL, server).read_bytes() == CONTENT
    assert server.asked == [f"bytes={cut}-"]


@pytest.mark.parametrize("wrong", [CONTENT[:-1] + b"!", CONTENT + b"!"], ids=["altered", "too long"])
def test_a_wrong_download_is_refused_and_forgotten(tmp_path: Path, wrong: bytes) -> None:
    with pytest.raises(Unavailable, match="not the expected file"):
        obtain(toy(), tmp_path, quiet, INSTALL, Server(wrong))
    assert not list(tmp_path.iterdir())


def test_without_network_the_command_and_the_place_are_named(tmp_path: Path) -> None:
    def unreachable(request: urllib.request.Request) -> Answer:
        raise urllib.error.URLError("no route to host")

    with pytest.raises(Unavailable) as error:
        obtain(toy(), tmp_path, quiet, INSTALL, unreachable)
    assert error.value.code == "weights_missing"
    assert INSTALL in error.value.message
    assert str(tmp_path / "toy.onnx") in error.value.message


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://example.org/toy.onnx", True),
        ("https://cdn.example.net/x?signature=1", True),
        ("https://eu.cdn.example.net/x", True),
        ("https://notcdn.example.net/x", False),
        ("http://example.org/toy.onnx", False),
        ("https://example.com/toy.onnx", False),
        ("file:///etc/passwd", False),
    ],
)
def test_only_the_pinned_hosts_over_https(url: str, allowed: bool) -> None:
    if allowed:
        weights.check_source(toy(), url)
    else:
        with pytest.raises(urllib.error.URLError):
            weights.check_source(toy(), url)
