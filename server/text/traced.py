"""Text that remembers where each of its characters comes from, through every replacement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

Replacement = str | Callable[[re.Match[str]], str]

SOFT_BREAK = "\n"
"""A line break inside a paragraph: a space or the end of a sentence, by what surrounds it."""
LINE_BREAK = "\u2028"
"""The end of a heading, list item or table row: always the end of a sentence."""
PARAGRAPH_BREAK = "\u2029"
BREAKS = SOFT_BREAK + LINE_BREAK + PARAGRAPH_BREAK
WEAK_STOP = "\u2063"
"""Unseen and unspoken: ends a sentence only where the next word begins with a capital."""

_PAUSES = 0xF0000
_WORDS = 0xF8000
_LAST = 0xFFFFD

INCHES = "″"
"""What a straight quotation mark behind a number becomes where it measures."""


def pause_char(milliseconds: int) -> str:
    """The private-use character that stands for a pause (at most 32 s)."""
    return chr(_PAUSES + milliseconds)


def pause_of(char: str) -> int | None:
    """Milliseconds of a pause; None for any other character."""
    return ord(char) - _PAUSES if _PAUSES <= ord(char) < _WORDS else None


def word_char(index: int) -> str:
    """The private-use character that stands for the ``index``-th word whose sound is given."""
    return chr(_WORDS + index % (_LAST - _WORDS))


def is_word_char(char: str) -> bool:
    """True for what ``word_char`` makes."""
    return _WORDS <= ord(char) <= _LAST


def is_reserved(char: str) -> bool:
    """True for characters that mean something to this pipeline and so may not come in from outside."""
    return _PAUSES <= ord(char) <= _LAST or char == WEAK_STOP


class Glyph(NamedTuple):
    """One character of text on its way, with the range of the original it stands for."""

    char: str
    start: int
    end: int
    literal: bool = False
    """True where it cannot be a quotation mark or an asterisk of a role: in code, escaped."""


@dataclass(frozen=True, slots=True)
class Traced:
    """A string with the range of the original behind each of its characters."""

    text: str
    ranges: tuple[tuple[int, int], ...]

    @classmethod
    def plain(cls, text: str, offset: int = 0) -> Traced:
        """Text that is its own original."""
        return cls(text, tuple((offset + i, offset + i + 1) for i in range(len(text))))

    @classmethod
    def of(cls, glyphs: Iterable[Glyph]) -> Traced:
        """The text of some glyphs."""
        held = list(glyphs)
        return cls("".join(g.char for g in held), tuple((g.start, g.end) for g in held))

    def range(self, start: int, end: int) -> tuple[int, int]:
        """Range of the original behind characters ``start:end`` (at least one)."""
        part = self.ranges[start:end]
        return min(a for a, _ in part), max(b for _, b in part)

    def cut(self, start: int, end: int) -> Traced:
        """Characters ``start:end``."""
        return Traced(self.text[start:end], self.ranges[start:end])

    def strip(self) -> Traced:
        """Without white space at either end."""
        start = len(self.text) - len(self.text.lstrip())
        return self.cut(start, max(start, len(self.text.rstrip())))

    def sub(self, pattern: re.Pattern[str], replacement: Replacement) -> Traced:
        """Like ``re.sub``; each new character stands for the whole match it replaces.

        So patterns look around at their context rather than consuming it. A match of no characters
        inserts nothing that has an origin, and is left alone.
        """
        return self.replace(
            (m.start(), m.end(), m.expand(replacement) if isinstance(replacement, str) else replacement(m))
            for m in pattern.finditer(self.text)
        )

    def replace(self, edits: Iterable[tuple[int, int, str]]) -> Traced:
        """Put new text for characters ``start:end``, in ascending order without overlap."""
        text: list[str] = []
        ranges: list[tuple[int, int]] = []
        done = 0
        for start, end, new in edits:
            if end == start or new == self.text[start:end]:
                continue
            text += (self.text[done:start], new)
            ranges += self.ranges[done:start]
            ranges += [self.range(start, end)] * len(new)
            done = end
        if not done:
            return self
        text.append(self.text[done:])
        ranges += self.ranges[done:]
        return Traced("".join(text), tuple(ranges))

    def unwrap(self, pattern: re.Pattern[str], group: int = 1) -> Traced:
        """Each match is reduced to one of its groups, whose characters keep their own origins."""
        parts: list[Traced] = []
        done = 0
        for match in pattern.finditer(self.text):
            parts += (self.cut(done, match.start()), self.cut(*match.span(group)))
            done = match.end()
        if not parts:
            return self
        parts.append(self.cut(done, len(self.text)))
        return Traced("".join(p.text for p in parts), tuple(r for p in parts for r in p.ranges))
