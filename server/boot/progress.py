"""Tells people and hosts how far an installation is: a bar on a terminal, lines elsewhere, and state.json."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from server.boot.state import StateFile

_WIDTH = 24
_LINE_EVERY = 5.0
"""Seconds between lines where there is no terminal to redraw."""


class Progress:
    """Where an installation stands. Writes to standard error, so that output stays a command's own."""

    def __init__(self, state: StateFile, stream: TextIO | None = None) -> None:
        self._state = state
        self._stream = stream or sys.stderr
        self._tty = self._stream.isatty()
        self._bar = ""
        self._last: tuple[str, float | None] | None = None
        self._printed = float("-inf")

    def say(self, text: str) -> None:
        """A sentence that stays."""
        self._clear()
        self._stream.write(text + "\n")
        self._stream.flush()

    def at(self, detail: str, fraction: float | None = None) -> None:
        """What is being done now and how much of the whole is done (0 to 1)."""
        if (detail, fraction) == self._last:
            return
        self._last = detail, fraction
        self._state.update("installing", detail, fraction)
        if self._tty:
            self._clear()
            done = int(_WIDTH * (fraction or 0))
            percent = f"{100 * fraction:3.0f} %" if fraction is not None else "     "
            self._bar = f"[{'#' * done}{'.' * (_WIDTH - done)}] {percent} {detail}"[:100]
            self._stream.write(self._bar)
        elif time.monotonic() - self._printed >= _LINE_EVERY:
            self._printed = time.monotonic()
            percent = f"{100 * fraction:3.0f} %  " if fraction is not None else ""
            self._stream.write(f"  {percent}{detail}\n")
        self._stream.flush()

    def _clear(self) -> None:
        if self._bar:
            self._stream.write("\r" + " " * len(self._bar) + "\r")
            self._bar = ""
