"""One event, one line, whatever is in it."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.logs import Memory, set_up

pytestmark = pytest.mark.unit


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    """The log set up as the server does, and taken down again."""
    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    yield set_up(tmp_path, "info")
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before


def test_a_text_cannot_forge_a_line(
    memory: Memory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logging.getLogger("troupe.test").info("a%s", "\nERROR forged \x1b[31m \u0085 line")
    assert len(memory.entries) == 1
    assert "\n" not in memory.entries[0].text
    lines = (tmp_path / "server.log").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1
    entry = json.loads(lines[0])
    assert (entry["level"], entry["source"]) == ("info", "troupe.test")
    assert "forged" in entry["text"]


def test_levels_and_traces(memory: Memory, tmp_path: Path) -> None:
    logging.getLogger("troupe.test").debug("unheard")
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("troupe.test").exception("it failed")
    (entry,) = (json.loads(line) for line in (tmp_path / "server.log").read_text(encoding="utf-8").splitlines())
    assert "ValueError: why" in entry["trace"]


def test_the_memory_forgets_the_oldest() -> None:
    memory = Memory(size=2)
    for number in range(3):
        memory.emit(logging.LogRecord("x", logging.INFO, "", 0, str(number), None, None))
    assert [entry.text for entry in memory.entries] == ["1", "2"]
