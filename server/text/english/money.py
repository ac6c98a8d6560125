"""Sums of money."""

from __future__ import annotations

import re

from server.text.clean import Step, wants_numbers
from server.text.english.words import NUMBER, cardinal, decimal, value
from server.text.options import TextOptions
from server.text.traced import Traced

# Sign or code: one, several, one hundredth, several hundredths.
_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₩": ("won", "won", "", ""),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₿": ("bitcoin", "bitcoin", "", ""),
    "US$": ("US dollar", "US dollars", "cent", "cents"),
    "C$": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "A$": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "USD": ("US dollar", "US dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "JPY": ("yen", "yen", "", ""),
}
_SCALES = {
    "k": "thousand", "m": "million", "mn": "million", "mm": "million", "b": "billion", "bn": "billion",
    "t": "trillion", "tn": "trillion", "thousand": "thousand", "million": "million", "billion": "billion",
    "trillion": "trillion", "hundred": "hundred",
}  # fmt: skip
_SIGN = r"US\$|C\$|A\$|[$£€¥₹₩₽₿]"
_SCALE = r"(?:\s?(?:k|mn|m|bn|b|tn|t)\b|\s(?:hundred|thousand|million|billion|trillion)\b)"
_PER = {
    "hr": "hour",
    "h": "hour",
    "mo": "month",
    "yr": "year",
    "wk": "week",
    "min": "minute",
    "lb": "pound",
    "kg": "kilogram",
}
_BEFORE = re.compile(
    rf"(?<![\w$£€])(?P<minus>[-−]?)(?P<sign>{_SIGN})\s?(?P<first>{NUMBER})(?P<scale>{_SCALE})?"
    rf"(?:\s?[-–]\s?(?:{_SIGN})?(?P<last>{NUMBER})(?P<last_scale>{_SCALE})?)?(?!\w)(?:\s(?P<code>USD)\b)?(?:/(?P<per>[A-Za-z]+))?",
    re.IGNORECASE,
)
_BEHIND = re.compile(
    rf"(?<![\w.,$£€])(?P<number>{NUMBER})(?P<scale>{_SCALE})?\s?(?P<sign>{_SIGN}|USD|EUR|GBP|JPY)(?!\w)"
)
_CENTS = re.compile(rf"(?<![\w.,])({NUMBER})\s?¢")


def _amount(number: str, currency: str, scale: str) -> str:
    one, several, hundredth, hundredths = _CURRENCIES[currency.upper()]
    if scale:
        return f"{decimal(number)} {_SCALES[scale.strip().lower()]} {several}"
    whole, _, fraction = number.partition(".")
    if len(fraction) != 2 or not hundredth:
        return f"{decimal(number)} {one if value(number) == 1 else several}"
    units, cents = int(whole.replace(",", "")), int(fraction)
    parts = []
    if units or not cents:
        parts.append(f"{cardinal(units)} {one if units == 1 else several}")
    if cents:
        parts.append(f"{cardinal(cents)} {hundredth if cents == 1 else hundredths}")
    return " and ".join(parts)


def _before(match: re.Match[str]) -> str:
    first, scale, last = match["first"], match["scale"] or "", match["last"]
    said = "minus " if match["minus"] else ""
    if last:
        said += f"{decimal(first)}{f' {_SCALES[scale.strip().lower()]}' if scale else ''} to "
        first, scale = last, match["last_scale"] or ""
    said += _amount(first, match["code"] or match["sign"], scale)
    return said + (f" per {_PER.get(match['per'], match['per'])}" if match["per"] else "")


def _behind(match: re.Match[str]) -> str:
    return _amount(match["number"], match["sign"], match["scale"] or "")


def _money(traced: Traced, options: TextOptions) -> Traced:
    traced = traced.sub(_BEFORE, _before).sub(_BEHIND, _behind)
    return traced.sub(_CENTS, lambda m: f"{decimal(m[1])} {'cent' if value(m[1]) == 1 else 'cents'}")


STEPS = (Step("money", wants_numbers, _money),)
