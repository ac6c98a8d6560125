"""Markdown's blocks, read at the beginning of each line while the text is arriving."""

from __future__ import annotations

import re
from collections.abc import Callable

from server.text.options import TextOptions
from server.text.traced import LINE_BREAK, PARAGRAPH_BREAK, SOFT_BREAK, Glyph

_FENCE = re.compile(r"`{3,}|~{3,}")
_RULE = re.compile(r"([-*_=])[ ]*(?:\1[ ]*)*")
_ITEM = re.compile(r"[*+\-•‣◦▪●○][ ]+(?=\S)")
_ITEM_BEGUN = re.compile(r"[+•‣◦▪●○] *")
_NUMBERED = re.compile(r"(\d{1,3})[.)][ ]+(?=\S)")
_NUMBER_BEGUN = re.compile(r"\d{1,3}(?:[.)] *)?")
_HEADING = re.compile(r"#{1,6}[ ]+(?=\S)")
_HEADING_BEGUN = re.compile(r"#{1,6} *")
_TABLE_RULE = re.compile(r"\|[ :|\-]*")
_NOT_QUOTED = ":;=_.^-(<"
"""What follows ``>`` in a face made of characters."""
LONGEST_LEAD = 200

CODE_BLOCK = {
    "de": "Codeblock",
    "es": "bloque de código",
    "fr": "bloc de code",
    "it": "blocco di codice",
    "nl": "codeblok",
    "pl": "blok kodu",
    "pt": "bloco de código",
    "ru": "блок кода",
    "ja": "コードブロック",
    "zh": "代码块",
}
"""What is said for fenced code; English elsewhere."""


class BlockScanner:
    """Push stage: takes out the marks of blocks and puts breaks in; holds back only the head of a line."""

    def __init__(self, emit: Callable[[Glyph], None], options: TextOptions) -> None:
        self._emit = emit
        self._markdown = options.markdown and options.markup != "plain"
        self._say_code = options.code == "say"
        self._code_block = CODE_BLOCK.get(options.language.split("-")[0], "code block")
        self._lead: list[Glyph] | None = []
        """What is held at the head of a line; None within a line."""
        self._empty = True
        """Nothing but white space in this line so far."""
        self._ends_hard = False
        """This line is a heading, an item or a table row."""
        self._row = False
        self._fence = ""
        self._fence_line = ""
        self._fence_head = False

    def feed(self, glyph: Glyph) -> None:
        """Take one glyph."""
        if self._fence:
            self._in_fence(glyph)
        elif glyph.char == "\n":
            self._end_line(glyph)
        elif self._lead is None:
            self._within(glyph)
        elif glyph.char == " " and not self._lead:
            if not self._empty or not self._markdown:
                self._emit(glyph)
        else:
            self._empty = False
            self._lead.append(glyph)
            self._decide(final=False)

    def finish(self) -> None:
        """Nothing more comes."""
        if not self._fence and self._lead:
            self._decide(final=True)

    def _within(self, glyph: Glyph) -> None:
        if self._row and glyph.char == "|":
            self._emit(glyph._replace(char=","))
            self._emit(glyph._replace(char=" "))
        else:
            self._emit(glyph)

    def _end_line(self, glyph: Glyph) -> None:
        if self._lead:
            self._decide(final=True)
        if self._fence:
            self._in_fence(glyph)
            return
        if self._empty:
            self._emit(glyph._replace(char=PARAGRAPH_BREAK))
        else:
            self._emit(glyph._replace(char=LINE_BREAK if self._ends_hard else SOFT_BREAK))
        self._lead, self._empty, self._ends_hard, self._row = [], True, False, False

    def _decide(self, final: bool) -> None:
        """Look at the head of the line; goes on holding it only while it may still be either."""
        lead = self._lead or []
        text = "".join(g.char for g in lead)
        if not self._markdown:
            self._release(0)
        elif fence := _FENCE.match(text):
            self._open_fence(fence[0], lead)
        elif text in ("`", "``", "~", "~~") and not final:
            return
        elif _RULE.fullmatch(text):
            if final and (len(text.replace(" ", "")) > 2 or text.strip() in ("-", "*", "--", "==")):
                self._lead = None
                self._break(lead[0])
            elif final or len(text) > LONGEST_LEAD:
                self._release(0)
        elif item := _ITEM.match(text):
            self._break(lead[0])
            self._ends_hard = True
            self._release(item.end())
        elif number := _NUMBERED.match(text):
            self._break(lead[0])
            self._ends_hard = True
            self._lead = None
            for glyph in lead[: number.end(1)]:
                self._emit(glyph)
            self._emit(lead[number.end(1)]._replace(char=":"))
            self._emit(lead[number.end(1) + 1])
            for glyph in lead[number.end() :]:
                self._within(glyph)
        elif heading := _HEADING.match(text):
            self._break(lead[0])
            self._ends_hard = True
            self._release(heading.end())
        elif text == ">" and not final:
            return
        elif text[0] == ">" and not (len(text) > 1 and text[1] in _NOT_QUOTED):
            self._lead, self._empty = [], True
            for glyph in lead[1:]:
                self.feed(glyph)
        elif _TABLE_RULE.fullmatch(text) and not text.startswith("||") and len(text) < LONGEST_LEAD:
            if final:
                self._lead = None
                self._break(lead[0])
        elif text[0] == "|" and not text.startswith("||"):
            self._break(lead[0])
            self._ends_hard = self._row = True
            self._release(1)
        elif not final and any(p.fullmatch(text) for p in (_NUMBER_BEGUN, _HEADING_BEGUN, _ITEM_BEGUN)):
            return
        else:
            self._release(0)

    def _release(self, skip: int) -> None:
        """The line has begun; its first ``skip`` glyphs were marks."""
        lead, self._lead = self._lead or [], None
        for glyph in lead[skip:]:
            self._within(glyph)

    def _break(self, at: Glyph) -> None:
        self._emit(Glyph(LINE_BREAK, at.start, at.start))

    def _open_fence(self, fence: str, lead: list[Glyph]) -> None:
        self._fence, self._fence_line, self._fence_head = fence, "", True
        self._break(lead[0])
        if self._say_code:
            for char in self._code_block:
                self._emit(Glyph(char, lead[0].start, lead[-1].end, literal=True))
            self._break(lead[-1])
        for glyph in lead[len(fence) :]:
            self._in_fence(glyph)

    def _in_fence(self, glyph: Glyph) -> None:
        """Code is not read; a fence closed on its first line was code within a line."""
        if self._fence_head and not self._fence_line and glyph.char == self._fence[0]:
            self._fence += glyph.char
        elif glyph.char != "\n":
            self._fence_line += glyph.char if len(self._fence_line) < LONGEST_LEAD else ""
            if self._fence_head and self._fence_line.endswith(self._fence) and "`" in self._fence:
                self._leave_fence(None)
        elif self._fence_head:
            self._fence_head, self._fence_line = False, ""
        elif (line := self._fence_line.strip()) and set(line) == {self._fence[0]} and len(line) >= len(self._fence):
            self._leave_fence([])
        else:
            self._fence_line = ""

    def _leave_fence(self, lead: list[Glyph] | None) -> None:
        self._fence = self._fence_line = ""
        self._lead, self._empty, self._ends_hard, self._row = lead, lead is not None, False, False
