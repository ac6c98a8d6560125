"""Numbers as English words."""

from __future__ import annotations

from functools import lru_cache

from num2words import num2words  # type: ignore[import-untyped]  # ships no types

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
"""A number as people write it, thousands with or without commas."""
_MOST_DIGITS = 15
"""Longer ones are codes, read digit by digit."""


@lru_cache(maxsize=4096)
def cardinal(number: int) -> str:
    """``3497`` is three thousand four hundred and ninety-seven."""
    return str(num2words(number)).replace(",", "")


def ordinal(number: int) -> str:
    """``21`` is twenty-first."""
    return str(num2words(number, to="ordinal")).replace(",", "")


def digits(text: str) -> str:
    """``0815`` is zero eight one five."""
    return " ".join(cardinal(int(d)) for d in text if d.isdigit())


def decimal(text: str) -> str:
    """A number as written: ``3,497``, ``3.14``, ``007``, ``12345678901234567``."""
    whole, _, fraction = text.replace(",", "").partition(".")
    said = digits(whole) if len(whole) > _MOST_DIGITS or (len(whole) > 1 and whole[0] == "0") else cardinal(int(whole))
    return f"{said} point {digits(fraction)}" if fraction else said


def year(number: int) -> str:
    """``1984`` is nineteen eighty-four, ``2005`` two thousand five, ``1900`` nineteen hundred."""
    century, rest = divmod(number, 100)
    if 2000 <= number < 2010 or not 1100 <= number < 2100:
        return cardinal(number).replace(" and ", " ") if number >= 2000 else cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def plural(word: str) -> str:
    """The plural of a number word: ``nineties``, ``hundreds``."""
    return word[:-1] + "ies" if word.endswith("y") else word + ("es" if word.endswith("x") else "s")


def value(text: str) -> float:
    """The number behind ``3,497.5``."""
    return float(text.replace(",", ""))
