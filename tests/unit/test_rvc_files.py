"""The folder of RVC voices is looked at all the time: that must cost little, however many there are."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.conversion.rvc import files as module
from server.conversion.rvc.files import RvcFolder
from server.errors import NotFound

pytestmark = pytest.mark.unit


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that are read, as it happens."""
    seen: list[Path] = []
    walk = os.walk

    def counted(root: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        for found in walk(root):
            seen.append(Path(found[0]))
            yield found

    monkeypatch.setattr(module.os, "walk", counted)
    return seen


@contextmanager
def long_ago(*folders: Path) -> Iterator[None]:
    """What is changed meanwhile was changed, by the folders' own account, an hour ago; the last change wins."""
    yield
    for folder in folders:
        then = time.time_ns() - 3600 * 10**9 + len(list(folder.iterdir())) * 10**6
        os.utime(folder, ns=(then, then))


def add(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")


def test_many_voices_are_read_at_once_and_not_each_anew(tmp_path: Path, reads: list[Path]) -> None:
    count = 2_000
    add(tmp_path, *(f"{n:04}.pth" for n in range(count)), *(f"added_{n:04}_v2.index" for n in range(count)))
    voices = RvcFolder(tmp_path).voices()
    assert len(voices) == count
    assert voices["0007"].index == tmp_path / "added_0007_v2.index"
    assert reads == [tmp_path]


def test_what_has_not_changed_is_not_read_again(tmp_path: Path, reads: list[Path]) -> None:
    with long_ago(tmp_path, tmp_path / "singer"):
        add(tmp_path / "singer", "Ghost.pth")
    folder = RvcFolder(tmp_path)
    for _ in range(5):
        assert folder.choices() == ["Disabled", "Ghost"]
        assert folder.find("Ghost").model == tmp_path / "singer" / "Ghost.pth"
    assert reads == [tmp_path, tmp_path / "singer"]


@pytest.mark.parametrize("where", ["", "singer", "new"])
def test_a_voice_that_comes_or_goes_is_seen_at_once(tmp_path: Path, where: str) -> None:
    with long_ago(tmp_path, tmp_path / "singer"):
        add(tmp_path / "singer", "Ghost.pth")
    folder = RvcFolder(tmp_path)
    assert folder.choices() == ["Disabled", "Ghost"]
    before = folder.stamp
    with long_ago(tmp_path, tmp_path / where):
        add(tmp_path / where, "Wraith.pth")
    assert folder.stamp != before
    assert folder.choices() == ["Disabled", "Ghost", "Wraith"]
    with long_ago(tmp_path / where):
        (tmp_path / where / "Wraith.pth").unlink()
    assert folder.choices() == ["Disabled", "Ghost"]


def test_two_changes_within_the_clocks_grain_are_both_seen(tmp_path: Path) -> None:
    add(tmp_path, "Ghost.pth")
    folder = RvcFolder(tmp_path)
    assert folder.choices() == ["Disabled", "Ghost"]
    times = tmp_path.stat()
    add(tmp_path, "Wraith.pth")
    os.utime(tmp_path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert folder.choices() == ["Disabled", "Ghost", "Wraith"]


def test_a_folder_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    folder = RvcFolder(tmp_path / "rvc")
    assert folder.choices() == ["Disabled"]
    with pytest.raises(NotFound, match=r"put \.pth files into"):
        folder.find("Ghost")
    add(tmp_path / "rvc", "Ghost.pth")
    assert folder.choices() == ["Disabled", "Ghost"]


def test_indexes_belong_to_the_model_they_are_named_after_or_to_the_only_one(tmp_path: Path) -> None:
    add(tmp_path, "Ghost.pth", "Wraith.pth", "b_ghost_2.index", "a_ghost_1.index")
    add(tmp_path / "alone", "Banshee.pth", "added_IVF256.index")
    add(tmp_path / "torn", "Mine.pth", "one.index", "two.index")
    alike = tmp_path / "alike"
    add(alike, "Ann.pth", "Ann2.pth", "Joanna.pth", "added_Joanna.index", "v2_Ann2_.index", "v2_ann_x.index")
    add(tmp_path / ".turned", "Ghost.pth")
    found = {name: files.index and files.index.name for name, files in RvcFolder(tmp_path).voices().items()}
    assert found == {"Ghost": "a_ghost_1.index", "Wraith": None, "Banshee": "added_IVF256.index", "Mine": None} | {
        "Ann": "v2_ann_x.index", "Ann2": "v2_Ann2_.index", "Joanna": "added_Joanna.index",
    }  # fmt: skip
