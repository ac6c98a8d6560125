"""Marks within a line: links, images, code, escapes, brackets, ``[pause:1s]`` and ``[word](/ipa/)``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from server.text.cues import is_cue
from server.text.options import TextOptions
from server.text.traced import BREAKS, Glyph, pause_char, word_char

LONGEST_BRACKET = 300
"""Characters in brackets that are waited for; longer ones are plain text."""
LONGEST_TARGET = 2000
LONGEST_PAUSE = 10.0
"""Seconds one control may ask for."""
LONGEST_PAUSES = 60.0
"""Seconds all the pauses of one text may add up to."""

_PAUSE = re.compile(r"pause(?:\s*[:= ]\s*(\d{1,5}(?:\.\d{1,3})?)\s*(ms|s|sec|seconds?)?)?", re.IGNORECASE)
_PHONEMES = re.compile(r"/([^/\s][^/\n]{0,99})/")
_ESCAPABLE = "\\`*_{}[]()#+-.!|~>\"'<&"


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word whose sound is given: by its writer or by the lexicon."""

    text: str
    ipa: str = ""
    """Phonemes; empty where ``text`` itself is how it is to be read."""


@dataclass(slots=True)
class SpokenWords:
    """The words behind the private-use characters of one text."""

    words: dict[str, SpokenWord] = field(default_factory=dict)

    def add(self, word: SpokenWord) -> str:
        """The character that stands for it."""
        char = word_char(len(self.words))
        self.words[char] = word
        return char


class InlineScanner:
    """Push stage: holds back brackets until it is known what they are, a break at the latest."""

    def __init__(self, emit: Callable[[Glyph], None], options: TextOptions, words: SpokenWords) -> None:
        self._emit = emit
        self._options = options
        self._markdown = options.markdown and options.markup != "plain"
        self._words = words
        self._held: list[Glyph] = []
        self._depth = 0
        self._closed = 0
        """Held glyphs up to the closing bracket, when the next one decides; 0 before."""
        self._code: list[Glyph] | None = None
        self._prev = " "
        self._paused = 0.0

    def feed(self, glyph: Glyph) -> None:
        """Take one glyph."""
        if glyph.char in BREAKS:
            self._release()
            self._leave_code(closed=False)
            self._pass(glyph)
        elif self._code is not None:
            self._in_code(glyph)
        elif self._held:
            self._hold(glyph)
        elif glyph.char == "[" or (glyph.char in "!\\" and self._markdown):
            self._held.append(glyph)
            self._depth = int(glyph.char == "[")
        elif glyph.char == "`" and self._markdown and not self._prev.isalnum():
            self._code = []
        elif glyph.char == "`" and self._markdown:
            self._pass(glyph._replace(char="'"))
        else:
            self._pass(glyph)

    def finish(self) -> None:
        """Nothing more comes."""
        self._release()
        self._leave_code(closed=False)

    def _pass(self, glyph: Glyph) -> None:
        self._prev = glyph.char
        self._emit(glyph)

    def _in_code(self, glyph: Glyph) -> None:
        if glyph.char == "`":
            self._leave_code(closed=True)
        elif self._options.inline_code == "skip" and self._code is not None:
            self._code.append(glyph)
        else:
            self._pass(glyph._replace(literal=True))

    def _leave_code(self, closed: bool) -> None:
        code, self._code = self._code, None
        if not closed:
            for glyph in code or ():
                self._pass(glyph)

    def _hold(self, glyph: Glyph) -> None:
        first = self._held[0].char
        if first == "\\":
            (backslash,), self._held = self._held, []
            if glyph.char in _ESCAPABLE:
                self._pass(Glyph(glyph.char, backslash.start, glyph.end, literal=True))
            else:
                self._pass(backslash)
                self.feed(glyph)
            return
        if first == "!" and len(self._held) == 1 and glyph.char != "[":
            bang, self._held = self._held[0], []
            self._pass(bang)
            self.feed(glyph)
            return
        if self._closed:
            self._after_bracket(glyph)
        elif glyph.char == "[" and self._held[-1].char not in "!" and self._depth:
            self._release()
            self.feed(glyph)
        else:
            self._held.append(glyph)
            self._depth += (glyph.char == "[") - (glyph.char == "]")
            if glyph.char == "]" and not self._depth:
                self._closed = len(self._held)
            elif len(self._held) > LONGEST_BRACKET:
                self._release()

    def _after_bracket(self, glyph: Glyph) -> None:
        """The character after ``]``: a target begins, goes on or ends, or there is none."""
        if len(self._held) == self._closed:
            if glyph.char == "(":
                self._held.append(glyph)
                self._depth = 1
            else:
                self._resolve("")
                self.feed(glyph)
            return
        self._held.append(glyph)
        self._depth += (glyph.char == "(") - (glyph.char == ")")
        if not self._depth:
            target = "".join(g.char for g in self._held[self._closed + 1 : -1])
            self._resolve(target.strip())
        elif len(self._held) > LONGEST_TARGET:
            self._release()

    def _resolve(self, target: str) -> None:
        held, closed = self._held, self._closed
        self._held, self._closed, self._depth = [], 0, 0
        image = held[0].char == "!"
        inner = held[1 + image : closed - 1]
        text = "".join(g.char for g in inner)
        phonemes = _PHONEMES.fullmatch(target) if self._options.controls and not image else None
        if phonemes and 0 < len(text) <= 100:
            word = self._words.add(SpokenWord(text, phonemes[1].strip()))
            self._pass(Glyph(word, held[0].start, held[-1].end))
        elif target and self._markdown:
            self._refeed(inner)
        elif self._options.controls and (pause := _PAUSE.fullmatch(text.strip())) and not image:
            self._pause(pause, held[0].start, held[-1].end)
        elif image or not self._drops(text):
            self._pass(held[0])
            self._refeed(held[1:])
        else:
            self._pass(Glyph(" ", held[0].start, held[0].start))

    def _drops(self, text: str) -> bool:
        """Footnotes, check boxes and stage directions are not read."""
        mark = text.strip()
        if self._markdown and (
            mark in ("", "x", "X") or mark[0] == "^" or (mark.isdigit() and self._prev not in " \n")
        ):
            return True
        return self._options.brackets == "skip" or (self._options.brackets == "cues" and is_cue(text))

    def _pause(self, pause: re.Match[str], start: int, end: int) -> None:
        seconds = float(pause[1] or 1) / (1000 if pause[2] == "ms" else 1)
        seconds = min(seconds, LONGEST_PAUSE, LONGEST_PAUSES - self._paused)
        self._paused += seconds
        self._pass(Glyph(pause_char(round(seconds * 1000)), start, end))

    def _release(self) -> None:
        """What was held is plain text."""
        held, resolved = self._held, self._closed and len(self._held) == self._closed
        if resolved:
            self._resolve("")
            return
        self._held, self._closed, self._depth = [], 0, 0
        for i, glyph in enumerate(held):
            if i and glyph.char in "`\\":
                self._refeed(held[i:])
                return
            self._pass(glyph)

    def _refeed(self, glyphs: list[Glyph]) -> None:
        """Text that stood in brackets may hold marks of its own, but what it was waiting for has come."""
        for glyph in glyphs:
            if glyph.char == "[":
                self._pass(glyph)
            else:
                self.feed(glyph)
