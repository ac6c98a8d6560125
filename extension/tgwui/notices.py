"""One trouble, one notice: a server that is down is said once, not once for each sentence."""

from __future__ import annotations

import threading


class Notices:
    """Remembers what has been said since the last success."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: set[str] = set()
        self._count = 0

    def say(self, message: str, *, about: str = "server") -> dict[str, object] | None:
        """The notice to show, or None where that trouble has been told already."""
        with self._lock:
            if about in self._said:
                return None
            self._said.add(about)
            self._count += 1
            return {"id": self._count, "text": message}

    def fine(self, about: str = "server") -> None:
        """It works again; the next trouble is news."""
        with self._lock:
            self._said.discard(about)
