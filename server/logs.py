"""Where the log goes: people's terminal, a file of JSON lines, and a short memory for the Status page."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path

_CONTROL = {code: f"\\x{code:02x}" for code in [*range(32), 127, *range(128, 160)]}


@dataclass(frozen=True, slots=True)
class Entry:
    """One event."""

    at: float
    """Seconds since the epoch."""
    level: str
    source: str
    text: str


class Memory(logging.Handler):
    """The last events, oldest first."""

    def __init__(self, size: int = 500) -> None:
        super().__init__()
        self.entries: deque[Entry] = deque(maxlen=size)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.entries.append(
            Entry(record.created, record.levelname.lower(), record.name, one_line(record.getMessage()))
        )


class JsonLines(logging.Formatter):
    """One JSON object a line; control characters escaped, so that no text can forge a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        entry = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "source": record.name,
            "text": record.getMessage(),
        }
        if record.exc_info:
            entry["trace"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=True)


class Plain(logging.Formatter):
    """What a person reads in the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level where it matters, text."""
        level = "" if record.levelno <= logging.INFO else f"{record.levelname.lower()}: "
        line = f"{self.formatTime(record, '%H:%M:%S')} {level}{one_line(record.getMessage())}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def one_line(text: str) -> str:
    """The text with control characters made visible."""
    return text.translate(_CONTROL)


def set_up(folder: Path, level: str) -> Memory:
    """Log to ``folder/server.log`` (1 MB, three old ones), to standard error and to the memory returned."""
    folder.mkdir(parents=True, exist_ok=True)
    file = logging.handlers.RotatingFileHandler(
        folder / "server.log", maxBytes=1_000_000, backupCount=3, encoding="utf-8", delay=True
    )
    file.setFormatter(JsonLines())
    screen = logging.StreamHandler(sys.stderr)
    screen.setFormatter(Plain())
    memory = Memory()
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.handlers[:] = [file, screen, memory]
    logging.getLogger("troupe").setLevel(level.upper())
    return memory
