"""Numbers that nothing else has claimed: ordinals, decimals, years and those grown into words."""

from __future__ import annotations

import re

from server.text.clean import Step, wants_numbers
from server.text.english.dates import LONE_YEARS
from server.text.english.words import NUMBER, cardinal, decimal, digits, ordinal, plural
from server.text.options import TextOptions
from server.text.traced import Traced

_ORDINAL = re.compile(r"(?<![\w.])(\d{1,3}(?:,\d{3})*|\d+)(?:st|nd|rd|th)\b")
_TIMES = re.compile(r"(?<![\w.,])(\d+(?:\.\d+)?)x\b|\bx(\d+)\b")
_LINES = re.compile(r"\b(\d{3,4})([pi])\b")
_TEXT_THEN_NUMBER = re.compile(r"(?<=[A-Za-z])-(?=\d)")
_NUMBER_IN_WORD = re.compile(r"(?<=[A-Za-z_])(\d+)")
_LETTERS_BEHIND = re.compile(r"(?<=\d)[A-Za-z]+")
_POINT = re.compile(r"(?<![\w.])\.(\d+)")
_PLURAL = re.compile(r"(?<![\w.])(\d+)s\b")
_HYPHENED = re.compile(r"(?<=\d)-(?=[A-Za-z])")
_PLAIN = re.compile(NUMBER)


def _times(match: re.Match[str]) -> str:
    return f"{decimal(match[1])} times" if match[1] else f"times {match[2]}"


def _lines(match: re.Match[str]) -> str:
    """``1080p`` is ten eighty p."""
    high, low = divmod(int(match[1]), 100)
    return f"{cardinal(high)} {cardinal(low) if low else 'hundred'} {match[2]}"


def _ordinals(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_ORDINAL, lambda m: ordinal(int(m[1].replace(",", ""))))


def _multiples(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_TIMES, _times).sub(_LINES, _lines)


def _plurals(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_PLURAL, lambda m: plural(cardinal(int(m[1]))))


def _numbers_in_words(traced: Traced, options: TextOptions) -> Traced:
    """``GPT-4``, ``MP3``, ``5-star``, ``3D``: the number stands alone, to be read like any other."""
    traced = traced.sub(_TEXT_THEN_NUMBER, " ").sub(_NUMBER_IN_WORD, r" \1")
    return traced.sub(_HYPHENED, " ").sub(_LETTERS_BEHIND, r" \g<0>")


def _numbers(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_POINT, lambda m: f"point {digits(m[1])}").sub(_PLAIN, lambda m: decimal(m[0]))


STEPS = (
    Step("ordinals", wants_numbers, _ordinals),
    Step("multiples", wants_numbers, _multiples),
    Step("plurals", wants_numbers, _plurals),
    Step("numbers in words", wants_numbers, _numbers_in_words),
    LONE_YEARS,
    Step("numbers", wants_numbers, _numbers),
)
