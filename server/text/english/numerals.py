"""Numbers that nothing else has claimed: ordinals, decimals, years, plain ones, and those grown into words."""

from __future__ import annotations

import re

from server.text.clean import Step
from server.text.english.dates import LONE_YEARS
from server.text.english.words import NUMBER, cardinal, decimal, ordinal, plural

_ORDINAL = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})*|\d+)(?:st|nd|rd|th)\b")
_MINUS = re.compile(r"(?<![\w)\]%])[-−–]\s?(?=\.?\d)|(?<=\d)\s[-−–]\s(?=\d)|(?<=[\d)])\s?−\s?(?=[\d(])")
_TIMES = re.compile(r"(?<![\w.,])(\d+(?:\.\d+)?)x\b|\bx(\d+)\b")
_LINES = re.compile(r"\b(\d{3,4})([pi])\b")
_TEXT_THEN_NUMBER = re.compile(r"(?<=[A-Za-z])-(?=\d)")
_NUMBER_IN_WORD = re.compile(r"(?<=[A-Za-z_])(\d+)")
_LETTERS_BEHIND = re.compile(r"(?<=\d)[A-Za-z]+")
_POINT = re.compile(r"(?<![\w.])\.(\d+)")
_PLURAL = re.compile(r"(?<![\w.])(\d+)['’]?s\b")
_HYPHENED = re.compile(r"(?<=\d)-(?=[A-Za-z])")
_PLAIN = re.compile(NUMBER)


def _times(match: re.Match[str]) -> str:
    return f"{decimal(match[1])} times" if match[1] else f"times {match[2]}"


def _lines(match: re.Match[str]) -> str:
    """``1080p`` is ten eighty p."""
    high, low = divmod(int(match[1]), 100)
    return f"{cardinal(high)} {cardinal(low) if low else 'hundred'} {match[2]}"


STEPS = (
    Step("ordinals", lambda o: o.numbers, lambda t, o: t.sub(_ORDINAL, lambda m: ordinal(int(m[1].replace(",", ""))))),
    Step("minus", lambda o: o.numbers, lambda t, o: t.sub(_MINUS, " minus ")),
    Step("multiples", lambda o: o.numbers, lambda t, o: t.sub(_TIMES, _times).sub(_LINES, _lines)),
    Step("plurals", lambda o: o.numbers, lambda t, o: t.sub(_PLURAL, lambda m: plural(cardinal(int(m[1]))))),
    Step("numbers in words", lambda o: o.numbers, lambda t, o: (
        t.sub(_TEXT_THEN_NUMBER, " ").sub(_NUMBER_IN_WORD, r" \1").sub(_HYPHENED, " ").sub(_LETTERS_BEHIND, r" \g<0>")
    )),
    LONE_YEARS,
    Step("numbers", lambda o: o.numbers, lambda t, o: (
        t.sub(_POINT, lambda m: "point " + " ".join(cardinal(int(d)) for d in m[1])).sub(_PLAIN, lambda m: decimal(m[0]))
    )),
)  # fmt: skip
