"""The folder of RVC voices is looked at for every clip: that must not take longer with every voice in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from server.conversion.rvc.files import find_voice, rvc_choices

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("count", [2, 40])
def test_a_folder_of_many_voices_is_not_read_once_for_each(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(count):
        (tmp_path / f"voice{number}.pth").touch()
        (tmp_path / f"added_voice{number}_v2.index").touch()
    glob, read = Path.glob, []

    def counted(self: Path, pattern: str, **more: object) -> Iterator[Path]:
        read.append(pattern)
        return iter(glob(self, pattern, **more))  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "glob", counted)
    assert len(rvc_choices(tmp_path)) == count + 1
    found = find_voice(tmp_path, "voice1")
    assert found.index == tmp_path / "added_voice1_v2.index", "not that of voice10"
    assert len(read) <= 3, "two lists of models where the one leads to the other, one of indexes"
