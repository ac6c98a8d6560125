"""A recogniser's spelling of numbers, signs and abbreviations turned into the words that were said."""

from __future__ import annotations

import re
from collections.abc import Callable

from num2words import num2words

Rule = tuple[str, str | Callable[[re.Match[str]], str]]


def said(transcript: str) -> str:
    """The transcript in words; what is left is for ``listen.words``."""
    for pattern, words in _RULES:
        transcript = re.sub(pattern, words, transcript, flags=re.IGNORECASE)
    return transcript


def _number(digits: str) -> str:
    return str(num2words(int(digits))).replace("-", " ").replace(",", "")


def _money(found: re.Match[str]) -> str:
    return f"{_number(found[1])} dollars {_number(found[2])} cents"


def _clock(found: re.Match[str]) -> str:
    minutes = "" if found[2] == "00" else f"oh {_number(found[2])}" if found[2][0] == "0" else _number(found[2])
    return f" {_number(found[1])} {minutes} "


def _version(found: re.Match[str]) -> str:
    return " point ".join(_number(part) for part in found[0].split("."))


def _decade(found: re.Match[str]) -> str:
    return f"{_number(found[1])} {_number(found[2] + '0')[:-1]}ies"


def _digits(found: re.Match[str]) -> str:
    return " ".join(_number(digit) for digit in found[0] if digit.isdigit())


def _fraction(found: re.Match[str]) -> str:
    below = {"2": "half", "4": "quarter", "3": "third"}[found[2]]
    return f" {_number(found[1])} {below}{'s' if found[1] != '1' else ''} "


_ROMAN = {"VIII": "eighth", "XIV": "fourteenth", "II": "second", "III": "third", "IV": "fourth"}

_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"


def _day(found: re.Match[str]) -> str:
    return f"{found[1]} {num2words(int(found[2]), to='ordinal')}"


_RULES: tuple[Rule, ...] = (
    (r"\$(\d+)\.(\d\d)\b", _money),
    (r"\$(\d+)( (?:million|billion))", r"\1\2 dollars"),
    (r"£(\d+(?:\.\d+)?)( (?:million|billion))?", r"\1\2 pounds"),
    (r"\b(\d{1,2}):(\d\d)\b", _clock),
    (r"\b(\d{1,2})\.(\d\d)(?=\s?[ap]\.?m)", _clock),
    (r"(?<=\bat )(\d{1,2})\.([0-5]\d)\b", _clock),
    (rf"\b({_MONTH}) (\d{{1,2}})\b", _day),
    (r"(?<![a-z'])([ap])\.? ?m\b\.?", r" \1m"),
    (r"\b\d+(?:\.\d+){2,}\b", _version),
    (r"\b(\d\d)(\d)0'?s\b", _decade),
    (r"(?<=\w)\.(?=com\b)", " dot "),
    (r"@", " at "),
    (r"(?<=\bC)\+\+", " plus plus"),
    (r"(?<=\bC)#", " sharp"),
    (r"\b\d{3}[- ]\d{4}\b|\b\d(?:[- ,]+\d){3,}\b", _digits),
    (r"\b(\d+)/([234])\b", _fraction),
    (r"½", " one half "),
    (r"¾", " three quarters "),
    (r"\b(\d+)['′]\s?(\d+)(?:\"|″|'')?", r"\1 foot \2"),
    (r"(?<=\d)[-–](?=\d)", " to "),
    (r"(?<![\w-])[-−](?=\d)", " minus "),
    (r"(?<=\d)(\s?)km\b", " kilometers"),
    (r"(?<=\d)(\s?)kg\b", " kilograms"),
    (r"°\s?C\b", " degrees Celsius"),
    (r"\bkilometre", "kilometer"),
    (r"\betc\b\.?", "et cetera"),
    (r"\be\.g\.", "for example"),
    (r"(?<=\w )St\b\.?", "Street"),
    (r"\b(?:the )?(VIII|XIV|III|II|IV)\b", lambda found: f"the {_ROMAN[found[1].upper()]}"),
)
