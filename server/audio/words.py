"""Word times on their way through something that holds sound back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from server.audio.chunk import WordTime


class WordQueue:
    """Words wait here for the sound in which they begin."""

    def __init__(self) -> None:
        self._words: list[WordTime] = []

    def add(self, words: Iterable[WordTime], at: float, speed: float = 1.0) -> None:
        """Words of a chunk that began ``at`` seconds, of a stream that is heard ``speed`` times as fast."""
        self._words += [
            replace(word, start=(at + word.start) / speed, end=(at + word.end) / speed) for word in words
        ]

    def take(self, start: float, end: float, last: bool = False) -> tuple[WordTime, ...]:
        """Those of the chunk from ``start`` to ``end``, by its clock; all that are left if it is the last."""
        ready = [word for word in self._words if last or word.start < end]
        self._words = [word for word in self._words if not last and word.start >= end]
        return tuple(
            replace(word, start=max(0.0, word.start - start), end=max(0.0, word.end - start))
            for word in ready
        )
