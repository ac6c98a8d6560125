"""A long text cut at its chapter headings."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADING = re.compile(
    r"^(?:\#{1,3}[ \t]+(?P<title>[^\n]{1,120})"
    r"|(?P<named>(?:chapter|part|book|kapitel|teil|chapitre|cap[ií]tulo|capitolo|prologue|epilogue|prolog|epilog)"
    r"\b[^\n]{0,80}))[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE_END = re.compile(r"[,;:]$|[a-z][.!?]$")


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a text, its heading included: it is spoken too."""

    title: str
    """Empty for what comes before the first heading."""
    text: str


def chapters_of(text: str) -> list[Chapter]:
    """The chapters in order; one without a title where there are no headings."""
    headings = [match for match in _HEADING.finditer(text) if not _is_prose(match)]
    if not headings:
        return [Chapter("", text)]
    ends = [*(match.start() for match in headings[1:]), len(text)]
    front = text[: headings[0].start()]
    found = [Chapter("", front)] if front.strip() else []
    for match, end in zip(headings, ends, strict=True):
        title = (match["title"] or match["named"]).strip().rstrip("#").strip()
        found.append(Chapter(title, text[match.start() : end]))
    return found


def _is_prose(match: re.Match[str]) -> bool:
    """``Part of me wondered.`` is a line that begins like a heading."""
    return bool(match["named"]) and bool(_SENTENCE_END.search(match["named"].strip()))
