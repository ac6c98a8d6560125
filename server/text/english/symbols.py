"""Signs that are words: ``#1``, ``&``, ``@name``, arithmetic, and dots within names of files."""

from __future__ import annotations

import re

from server.text.clean import Step, wants_symbols
from server.text.options import TextOptions
from server.text.traced import Traced

_NUMBER_SIGN = re.compile(r"(?<!\w)#\s?(?=\d)")
_HASHTAG = re.compile(r"(?<![\w#])#(?=[A-Za-z])")
_AND = re.compile(r"\s*&\s*")
_HANDLE = re.compile(r"(?<![\w@])@\s?(?=\w)|\s@\s")
_SHARP = re.compile(r"(?<=\b[CF])#")
_PLUSES = re.compile(r"(?<=\b[A-Za-z])\+\+")
_PLUS = re.compile(r"\s?\+\s?(?=\w)|(?<=\w)\+(?!\w)")
_GRADE_MINUS = re.compile(r"(?<=\b[A-F])-(?=[\s,.;!?]|$)")
_COMPARED = {
    "<=": "is at most", ">=": "is at least", "≤": "is at most", "≥": "is at least", "!=": "is not equal to",
    "≠": "is not equal to", "≈": "is about", "==": "equals",
    "=": "equals", "±": "plus or minus", "×": "times",
    "÷": "divided by", "√": "the square root of",
    "∞": "infinity", "<": "is less than", ">": "is greater than",
}  # fmt: skip
_COMPARISON = re.compile(
    r"\s?(?:<=|>=|!=|==|[≤≥≠≈±×÷√∞])\s?|(?<=\w)\s?=\s?(?=[\w-])|(?<=\w)\s[<>]\s(?=[\w-])|(?<=\d)[<>](?=\d)"
)
_ARROW = re.compile(r"\s*(?:->|=>|-->|==>)\s*")
_POWERS = {"²": " squared", "³": " cubed", "^2": " squared", "^3": " cubed"}
_POWER = re.compile(r"(?<=[\w)])(?:[²³]|\^[23](?!\d))")
_TO_THE = re.compile(r"(?<=[\w)])\^(?=[\w(])")
_FILE_DOT = re.compile(r"(?<=[A-Za-z_][A-Za-z0-9_)])\.(?=[a-z]{1,6}\d?\b)|(?<!\S)\.(?=[A-Za-z]{2})")
_GLUED = re.compile(r"(?<=[a-z]{2})([.,;:!?])(?=[A-Z][a-z])")
_SLASH = re.compile(r"(?<=[A-Za-z])\s?/\s?(?=[A-Za-z])")
_DEGREE = re.compile(r"°")
_PERCENT = re.compile(r"\s?%")
_AND_OR = re.compile(r"\band/or\b")
_EN_DASH = re.compile(r"(?<=\w)\s?–\s?(?=\w)")
_UNSAID = re.compile("[©®™†‡♪♫★☆✓✔✗✘→←↑↓⇒]")


def _number_signs(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_NUMBER_SIGN, "number ").sub(_HASHTAG, "hashtag ")


def _powers(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_POWER, lambda m: _POWERS[m[0]])


def _file_names(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_GLUED, r"\1 ").sub(_FILE_DOT, " dot ")


def _arithmetic(traced: Traced, options: TextOptions) -> Traced:
    traced = traced.sub(_ARROW, " to ").sub(_TO_THE, " to the ").sub(_SHARP, " sharp")
    traced = traced.sub(_PLUSES, " plus plus").sub(_PLUS, " plus ").sub(_GRADE_MINUS, " minus")
    return traced.sub(_COMPARISON, lambda m: f" {_COMPARED[m[0].strip()]} ")


def _signs(traced: Traced, options: TextOptions) -> Traced:
    traced = traced.sub(_AND, " and ").sub(_HANDLE, " at ").sub(_AND_OR, "and or").sub(_SLASH, " ")
    return traced.sub(_DEGREE, " degrees ").sub(_EN_DASH, " to ").sub(_PERCENT, " percent").sub(_UNSAID, " ")


EARLY = (
    Step("number signs", wants_symbols, _number_signs),
    Step("powers", wants_symbols, _powers),
    Step("names of files", wants_symbols, _file_names),
)
LATE = (Step("arithmetic", wants_symbols, _arithmetic), Step("signs", wants_symbols, _signs))
"""``2 * 3`` has become ``×`` in cleaning; what is left of the signs is dropped when the text is tidied."""
