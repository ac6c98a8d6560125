"""Unpacking an archive that was fetched: nothing outside the folder, nothing endless, nothing damaged."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from server.engines import unpack as unpacking
from server.engines.unpack import unpack
from server.errors import Unavailable
from tests.unit.coqui_origin import archive

pytestmark = pytest.mark.unit


def zipped(path: Path, *entries: tuple[str, bytes, int]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            opened.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "words"),
    [
        ("../evil.json", 0, "points out"),
        ("a/../../evil.json", 0, "points out"),
        ("/etc/evil", 0, "points out"),
        ("C:evil", 0, "points out"),
        ("..\\evil", 0, "points out"),
        ("link", stat.S_IFLNK | 0o777, "not a plain file"),
        ("pipe", stat.S_IFIFO | 0o600, "not a plain file"),
        ("inner/CONFIG.json", 0, "twice"),
    ],
)
def test_an_archive_that_reaches_out_writes_nothing(name: str, mode: int, words: str, tmp_path: Path) -> None:
    bad = zipped(tmp_path / "bad.zip", ("config.json", b"{}", 0), (name, b"/etc/passwd", mode))
    with pytest.raises(Unavailable, match=words):
        unpack(bad, tmp_path / "inside" / "folder")
    assert not list((tmp_path / "inside" / "folder").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.zip", "inside"]


def test_an_archive_that_is_too_much_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped(tmp_path / "bomb.zip", ("a.pth", bytes(3_000_000), 0), ("b.pth", bytes(3_000_000), 0))
    assert bomb.stat().st_size < 20_000
    with pytest.raises(Unavailable, match="larger than"):
        unpack(bomb, tmp_path / "bomb", most_bytes=5_000_000)
    monkeypatch.setattr(unpacking, "MOST_FILES", 1)
    with pytest.raises(Unavailable, match="2 files"):
        unpack(bomb, tmp_path / "many")
    assert not [*(tmp_path / "bomb").iterdir(), *(tmp_path / "many").iterdir()]


def test_an_archive_that_lies_about_a_size_is_stopped_there(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "lie.zip", ("a.pth", bytes(300_000), 0)).read_bytes())
    directory = content.rindex(b"PK\x01\x02")
    for at in (22, directory + 24):
        content[at : at + 4] = (1_000).to_bytes(4, "little")
    (tmp_path / "lie.zip").write_bytes(content)
    with pytest.raises(Unavailable, match="cannot be unpacked"):
        unpack(tmp_path / "lie.zip", tmp_path / "lie")
    assert all(path.stat().st_size <= 1_000 for path in (tmp_path / "lie").iterdir())


@pytest.mark.parametrize("content", [b"no zip", archive()[:-40], archive()[:200] + b"!" * 99 + archive()[299:]])
def test_a_damaged_archive_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "odd.zip").write_bytes(content)
    with pytest.raises(Unavailable, match=r"odd\.zip cannot be unpacked"):
        unpack(tmp_path / "odd.zip", tmp_path / "odd")


def test_what_a_mac_adds_is_left_out(tmp_path: Path) -> None:
    entries = (("a/config.json", b"{}", 0), ("__MACOSX/a/._config.json", b"x", 0), ("a/.DS_Store", b"x", 0))
    unpack(zipped(tmp_path / "mac.zip", *entries), tmp_path / "mac")
    assert [path.name for path in (tmp_path / "mac").iterdir()] == ["config.json"]
