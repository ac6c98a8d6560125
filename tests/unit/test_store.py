"""What is kept on disk, what goes, and which names are found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from server.speech.store import AudioStore, Keep

pytestmark = pytest.mark.unit

NOW = 1_000_000.0


def store(folder: Path, hours: float = 24, megabytes: int = 10) -> AudioStore:
    return AudioStore(folder, lambda: Keep(hours, megabytes))


def put(kept: AudioStore, name: str, size: int, age_hours: float) -> Path:
    path = kept.save(name, b"x" * size)
    for entry in {path, kept.folder / name.split("/")[0]}:
        os.utime(entry, (NOW - age_hours * 3600, NOW - age_hours * 3600))
    return path


def test_old_entries_go_whole(tmp_path: Path) -> None:
    kept = store(tmp_path, hours=2)
    old, young = put(kept, "abc/0.mp3", 10, 3), put(kept, "def/0.mp3", 10, 1)
    single = put(kept, "old.wav", 10, 5)
    assert kept.prune(now=lambda: NOW) == 2
    assert (old.parent.exists(), single.exists(), young.exists()) == (False, False, True)


def test_the_oldest_go_when_there_is_too_much(tmp_path: Path) -> None:
    kept = store(tmp_path, megabytes=10)
    paths = [put(kept, f"{age}.wav", 4_000_000, age) for age in (1, 2, 3)]
    assert kept.prune(now=lambda: NOW) == 1
    assert [path.exists() for path in paths] == [True, True, False]


def test_what_is_in_use_and_the_newest_stay(tmp_path: Path) -> None:
    kept = store(tmp_path, hours=2, megabytes=10)
    newest = put(kept, "big.wav", 11_000_000, 1)
    used = put(kept, "open/0.mp3", 10, 5)
    put(kept, "old.wav", 10, 5)
    assert kept.prune({"open"}, now=lambda: NOW) == 1
    assert newest.exists()
    assert used.exists()


def test_names_are_looked_up_and_never_joined(tmp_path: Path) -> None:
    kept = store(tmp_path / "audio")
    kept.save("a.wav", b"1")
    kept.save("id/0.wav", b"2")
    (tmp_path / "secret").write_bytes(b"3")
    assert kept.find("a.wav") == tmp_path / "audio" / "a.wav"
    assert kept.find("id/0.wav") == tmp_path / "audio" / "id" / "0.wav"
    for name in ("../secret", "..", "", "id", "id/../a.wav", "/etc/passwd", "a.wav/", "nosuch", "C:\\x", "a.wav\0"):
        assert kept.find(name) is None


def test_an_empty_or_missing_folder_is_fine(tmp_path: Path) -> None:
    kept = store(tmp_path / "none")
    assert kept.prune() == 0
    assert kept.find("a.wav") is None
