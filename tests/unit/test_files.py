"""Files that are whole or not there, and their last good copy."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from server import files
from server.files import backup_of, read_with_backup, write_atomically, write_with_backup

pytestmark = pytest.mark.unit


def number(text: str) -> int:
    return int(text)


def no_damage(error: Exception) -> None:
    raise AssertionError("the file is good") from error


def test_text_and_bytes_are_written_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "new" / "folder" / "file"
    write_atomically(path, "Grüße")
    assert path.read_bytes() == "Grüße".encode()
    write_atomically(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_what_needs_not_survive_a_power_cut_does_not_wait_for_the_disk(tmp_path, monkeypatch):
    waited: list[int] = []
    monkeypatch.setattr(os, "fsync", waited.append)
    write_atomically(tmp_path / "file", "now", durable=False)
    assert waited == []
    write_atomically(tmp_path / "file", "kept")
    assert waited
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
def test_permissions(tmp_path):
    path = tmp_path / "key"
    write_atomically(path, "secret", mode=0o600)
    assert path.stat().st_mode & 0o777 == 0o600
    write_atomically(path, "secret again")
    assert path.stat().st_mode & 0o777 == 0o600, "a later write keeps what is there"
    write_atomically(tmp_path / "other", "plain")
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o644


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_atomically(path, "old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_windows_is_asked_again_while_somebody_reads(tmp_path, monkeypatch):
    refusals = [PermissionError("in use"), PermissionError("in use")]
    replace = type(tmp_path).replace

    def busy(self, target):
        if refusals:
            raise refusals.pop()
        return replace(self, target)

    monkeypatch.setattr(type(tmp_path), "replace", busy)
    monkeypatch.setattr(files.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(files, "WINDOWS", True)
    write_atomically(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text(encoding="utf-8") == "new"

    refusals.extend([PermissionError("in use")] * 100)
    with pytest.raises(PermissionError):
        write_atomically(tmp_path / "file", "newer")
    refusals.clear()
    assert (tmp_path / "file").read_text(encoding="utf-8") == "new"


def test_leftovers_of_killed_writers_are_swept(tmp_path):
    path = tmp_path / "file"
    old, fresh, other = (tmp_path / n for n in (".file.dead.tmp", ".file.busy.tmp", ".other.dead.tmp"))
    for leftover in (old, fresh, other):
        leftover.write_text("half", encoding="utf-8")
    for leftover in (old, other):
        os.utime(leftover, (1, 1))
    write_atomically(path, "whole")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == sorted([fresh.name, other.name, "file"])


def test_readers_never_see_a_part(tmp_path):
    path = tmp_path / "file"
    contents = {"a" * 200_000, "b" * 100_000}
    write_atomically(path, "a" * 200_000)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for content in contents:
                write_atomically(path, content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = {path.read_text(encoding="utf-8") for _ in range(300)}
    finally:
        stop.set()
        writer.join()
    assert seen <= contents


def test_reading_falls_back_to_the_last_good_copy(tmp_path):
    path = tmp_path / "number"
    told: list[Exception] = []
    assert read_with_backup(path, number, no_damage) is None
    write_with_backup(path, "1")
    path.write_text("2", encoding="utf-8")
    assert read_with_backup(path, number, no_damage) == 2
    assert backup_of(path).read_text(encoding="utf-8") == "2", "a good edit by hand is remembered"
    path.write_text("two", encoding="utf-8")
    assert read_with_backup(path, number, told.append) == 2
    assert isinstance(told[0], ValueError)
    backup_of(path).write_text("deux", encoding="utf-8")
    with pytest.raises(ValueError, match="'two'"):
        read_with_backup(path, number, no_damage)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="needs a folder that refuses writing"
)
def test_a_read_only_folder_can_be_read(tmp_path):
    path = tmp_path / "number"
    path.write_text("1", encoding="utf-8")
    tmp_path.chmod(0o500)
    try:
        assert read_with_backup(path, number, no_damage) == 1
    finally:
        tmp_path.chmod(0o700)
