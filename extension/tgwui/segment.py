"""The text of one generation while it grows: the model's thread writes, the narrator's thread reads."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from .reply import Reply

_GRACE = 1.5
"""Seconds to wait for the host's final text once the model has stopped."""


@dataclass
class Segment:
    """Latest state only; nobody waits for anybody."""

    wake: threading.Event
    reply: Reply
    live: bool = True
    """Spoken while it grows; otherwise when it is complete."""
    teed: bool = False
    """We saw the model's text. Another extension's generator may have come first; then the page's text is all."""
    _raw: str = ""
    _visible: str | None = None
    _stopped_at: float | None = None

    def grow(self, raw: str) -> None:
        self._raw = raw
        self.wake.set()

    def model_stopped(self) -> None:
        self._stopped_at = time.monotonic()
        self.wake.set()

    def complete(self, visible: str) -> None:
        """The host's final text, HTML-escaped."""
        self._visible = visible
        self.wake.set()

    def all(self, text: str) -> None:
        """The whole text at once, as the model wrote it."""
        self._raw = text
        self._stopped_at = float("-inf")
        self.wake.set()

    def now(self) -> tuple[str, bool]:
        """The text to be spoken as far as it is known, and whether it is complete."""
        visible, stopped_at = self._visible, self._stopped_at
        if visible is not None:
            text = self.reply.from_page(visible)
            return (self.reply.from_model(self._raw) if text is None else text), True
        complete = stopped_at is not None and time.monotonic() - stopped_at > _GRACE
        if not (self.live or complete):
            return "", False
        return self.reply.from_model(self._raw), complete
