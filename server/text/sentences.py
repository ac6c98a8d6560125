"""Sentences, cut while the text is arriving: the same ones however it came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from server.text.abbreviations import ends_sentence
from server.text.traced import (
    BREAKS,
    LINE_BREAK,
    PARAGRAPH_BREAK,
    SOFT_BREAK,
    WEAK_STOP,
    Glyph,
    Traced,
    is_word_char,
    pause_of,
)

Gap = Literal["none", "clause", "sentence", "line", "paragraph", "end", "pause"]
"""What stands behind a sentence: nothing (cut within a clause), a comma, a stop, the end of a heading or
item, a blank line, the end of the text, a pause that was asked for."""

STOPS = frozenset(".!?…؟۔।॥։")
WIDE_STOPS = frozenset("。！？｡")
"""Stops that need no space behind them."""
CLOSERS = frozenset("\"'”’»)]}」』）】›〉》＂*_")
OPENERS = frozenset("\"'“‘«„([{「『（【‹¿¡—–-*_")
_FACES = frozenset(":;=^<>~")
"""What faces made of characters begin with; nothing else that continues a sentence behind a stop does."""
_CLAUSE = frozenset(",;:،؛")
_WIDE_CLAUSE = frozenset("、，；：")
_DASHES = frozenset("—–")
_DENSE = frozenset(("ja", "ko", "zh", "cmn", "yue"))
"""Languages whose characters are whole syllables: half the characters last as long."""
SHORTEST_CLAUSE = 15
"""Characters; less than that is not cut off on its own."""
SOFT_WRAP = 60
"""A line at least this long that ends without a stop was wrapped, not ended."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence or clause with the range of the original behind each character."""

    traced: Traced
    gap: Gap
    pause: float = 0.0
    """Seconds asked for behind it by ``[pause:...]``."""
    pause_range: tuple[int, int] = (0, 0)

    @property
    def text(self) -> str:
        """The sentence as it was written."""
        return self.traced.text


def is_emoji(char: str) -> bool:
    """True for pictographs, after which a new sentence may begin without a stop."""
    return (
        "\U0001f000" <= char < "\U000e0000" or ("\u2600" <= char <= "\u27bf" and char not in "❤♥") or char == "\ufe0f"
    )


class SentenceSplitter:
    """Push object: text in, sentences out as soon as they are certain.

    ``first_limit`` and ``limit`` are characters. A sentence longer than the limit is cut at a clause, the
    first one preferably early, so that speech can begin.
    """

    def __init__(self, language: str = "en", first_limit: int = 60, limit: int = 300) -> None:
        self._limits = (first_limit, limit)
        self.begin(language)
        self._first = True
        self._held: list[Glyph] = []
        self._out: list[Sentence] = []
        self._clauses: list[int] = []
        """Where the text held may be cut after a comma or the like."""
        self._clause = 0
        """Such a place that still depends on the next character."""
        self._stop: tuple[int, str] | None = None
        """Length of the text held up to a stop with its closing marks, and the kind of stop."""
        self._ahead = 0
        """Length of the text held up to the first character behind the stop's white space; 0 before."""
        self._broken = False
        """A line break stands in the white space behind the stop, or where a stop might be."""
        self._line = 0
        """Characters since the last line break."""
        self._wrapped = False
        """The line before the last line break was a long one."""

    def begin(self, language: str) -> None:
        """What follows, and what is held still, is in this language."""
        self._language = language.split("-")[0]
        share = 2 if self._language in _DENSE else 1
        self._first_limit, self._limit = (limit // share for limit in self._limits)

    def add(self, text: str | Iterable[Glyph]) -> list[Sentence]:
        """Sentences that are certain now."""
        glyphs = (Glyph(c, i, i + 1) for i, c in enumerate(text)) if isinstance(text, str) else text
        for glyph in glyphs:
            if glyph.char in BREAKS:
                self._wrapped, self._line = self._line >= SOFT_WRAP, 0
            else:
                self._line += 1
            self._feed(glyph)
        return self._take()

    def finish(self, gap: Gap = "end") -> list[Sentence]:
        """The text ends here, or its role does: what is held is a sentence, or several."""
        self._end(gap)
        return self._take()

    def _take(self) -> list[Sentence]:
        out, self._out = self._out, []
        return out

    def _feed(self, glyph: Glyph) -> None:
        char = glyph.char
        if char in (LINE_BREAK, PARAGRAPH_BREAK):
            self._end("paragraph" if char == PARAGRAPH_BREAK else "line")
            return
        if (pause := pause_of(char)) is not None:
            self._end("pause")
            where = (glyph.start, glyph.end)
            self._out.append(Sentence(Traced("", ()), "pause", pause / 1000, where))
            return
        if not self._held and char.isspace():
            return
        self._held.append(glyph)
        if self._stop is None:
            self._in_sentence(char)
        elif self._ahead:
            self._settle(final=False)
        else:
            self._after_stop(char)
        if len(self._held) > self._wanted():
            self._cut_clause()

    def _end(self, gap: Gap) -> None:
        while self._ahead:
            self._settle(final=True)
        self._flush(len(self._held), gap)

    def _in_sentence(self, char: str) -> None:
        n = len(self._held)
        if self._clause and not char.isspace():
            if not char.isdigit() and char not in CLOSERS and char not in "$£€":
                self._clauses.append(self._clause)
            self._clause = 0
        if char in STOPS or char in WIDE_STOPS or char == WEAK_STOP or is_emoji(char):
            self._stop, self._broken = (n, char), False
        elif char in _WIDE_CLAUSE:
            self._clauses.append(n)
        elif char == SOFT_BREAK:
            self._stop, self._broken = (n - 1, SOFT_BREAK), True
        elif (char.isspace() and n > 1 and (self._held[-2].char in _CLAUSE or self._held[-2].char in _DASHES)) or (
            char in _DASHES and n > 1 and not self._held[-2].char.isdigit()
        ):
            self._clause = n

    def _after_stop(self, char: str) -> None:
        assert self._stop is not None
        end, kind = self._stop
        n = len(self._held)
        if char.isspace():
            self._broken = self._broken or char == SOFT_BREAK
        elif end == n - 1 and (char in STOPS or char in WIDE_STOPS or char in CLOSERS or char == WEAK_STOP):
            self._stop = (n, char if char in STOPS or char in WIDE_STOPS else kind)
        elif end == n - 1 and is_emoji(char):
            self._stop = (n, kind)
        else:
            self._ahead = n - 1
            self._settle(final=False)

    def _settle(self, final: bool) -> None:
        """With what follows the stop: is it the end? Stays open while too little has come to say."""
        assert self._stop is not None
        end, kind = self._stop
        text = "".join(g.char for g in self._held[max(0, end - 48) : end])
        ahead = "".join(g.char for g in self._held[self._ahead :])
        spaced = self._ahead > end
        verdict = self._is_end(text, kind, ahead, spaced, final)
        if verdict is None:
            return
        rest = self._held[self._ahead :]
        if verdict:
            self._flush(end, "sentence")
        else:
            del self._held[self._ahead :]
        self._stop, self._ahead, self._broken = None, 0, False
        for glyph in rest:
            self._feed(glyph)

    def _is_end(self, text: str, kind: str, ahead: str, spaced: bool, final: bool) -> bool | None:
        first = ahead[0]
        if kind in WIDE_STOPS:
            return True
        starts = first.isupper() or first.isdigit() or first in OPENERS or first in _FACES
        starts = starts or is_emoji(first) or is_word_char(first)
        caseless = first.isalpha() and first.lower() == first.upper()
        if not spaced:
            return kind in "!?؟" and first.isupper()
        if kind == SOFT_BREAK:
            # A short line is a line of its own, a long one was wrapped by whoever wrote it.
            return (starts or caseless) and not self._wrapped
        if kind == WEAK_STOP or is_emoji(kind):
            return starts and first not in "—–-"
        if not (starts or caseless):
            return False
        if first in "—–-" and not self._broken:
            return False
        if kind == "." and not text.endswith(".."):
            return ends_sentence(text, ahead, self._language, final)
        return True

    def _wanted(self) -> int:
        return self._first_limit if self._first else self._limit

    def _cut_clause(self) -> None:
        """Too long: cut after a clause; within one only where the hard limit leaves no choice."""
        n = len(self._held)
        if self._stop and n <= self._limit:
            return
        good = [c for c in self._clauses if SHORTEST_CLAUSE <= c <= n - 12]
        if self._first and good:
            small = [c for c in good if c <= self._first_limit]
            self._flush(small[-1] if small else good[0], "clause", keep=True)
        elif n > self._limit:
            large = [c for c in good if c >= self._limit // 3]
            if large:
                self._flush(large[-1], "clause", keep=True)
                return
            spaces = [i for i in range(self._limit // 2, n) if self._held[i].char.isspace()]
            self._flush(spaces[-1] if spaces else self._limit, "none", keep=True)

    def _flush(self, end: int, gap: Gap, keep: bool = False) -> None:
        """The first ``end`` characters are a sentence; the rest is kept and read again, or dropped."""
        glyphs, rest = self._held[:end], self._held[end:]
        self._held, self._clauses, self._clause = [], [], 0
        self._stop, self._ahead, self._broken = None, 0, False
        traced = Traced.of(g for g in glyphs if g.char != WEAK_STOP).strip()
        if traced.text:
            self._out.append(Sentence(traced, gap))
            self._first = self._first and not any(c.isalnum() for c in traced.text)
        if keep:
            for glyph in rest:
                self._feed(glyph)
