"""Measures: numbers with a unit behind them, feet and inches, fractions, ranges."""

from __future__ import annotations

import re

from server.text.clean import Step, wants_numbers
from server.text.english.words import NUMBER, cardinal, decimal, ordinal, value
from server.text.options import TextOptions
from server.text.traced import Traced

# Symbol: one, several.
_UNITS = {
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"),
    "mph": ("mile per hour", "miles per hour"),
    "m/s": ("meter per second", "meters per second"),
    "km²": ("square kilometer", "square kilometers"),
    "m²": ("square meter", "square meters"),
    "m³": ("cubic meter", "cubic meters"),
    "sq ft": ("square foot", "square feet"),
    "km": ("kilometer", "kilometers"),
    "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"),
    "nm": ("nanometer", "nanometers"),
    "µm": ("micrometer", "micrometers"),
    "mi": ("mile", "miles"),
    "yd": ("yard", "yards"),
    "ft": ("foot", "feet"),
    "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"),
    "lbs": ("pound", "pounds"),
    "lb": ("pound", "pounds"),
    "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"),
    "mL": ("milliliter", "milliliters"),
    "gal": ("gallon", "gallons"),
    "tbsp": ("tablespoon", "tablespoons"),
    "tsp": ("teaspoon", "teaspoons"),
    "℃": ("degree Celsius", "degrees Celsius"),
    "℉": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
    "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "Hz": ("hertz", "hertz"),
    "KB": ("kilobyte", "kilobytes"),
    "kB": ("kilobyte", "kilobytes"),
    "MB": ("megabyte", "megabytes"),
    "GB": ("gigabyte", "gigabytes"),
    "TB": ("terabyte", "terabytes"),
    "Kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"),
    "kWh": ("kilowatt hour", "kilowatt hours"),
    "kW": ("kilowatt", "kilowatts"),
    "MW": ("megawatt", "megawatts"),
    "mAh": ("milliamp hour", "milliamp hours"),
    "ms": ("millisecond", "milliseconds"),
    "sec": ("second", "seconds"),
    "secs": ("second", "seconds"),
    "min": ("minute", "minutes"),
    "mins": ("minute", "minutes"),
    "hrs": ("hour", "hours"),
    "hr": ("hour", "hours"),
    "yrs": ("year", "years"),
    "dB": ("decibel", "decibels"),
    "rpm": ("RPM", "RPM"),
    "fps": ("frame per second", "frames per second"),
    "px": ("pixel", "pixels"),
    "kcal": ("kilocalorie", "kilocalories"),
    "%": ("percent", "percent"),
    "‰": ("per mille", "per mille"),
}
_ATTACHED = {
    "m": ("meter", "meters"),
    "g": ("gram", "grams"),
    "l": ("liter", "liters"),
    "L": ("liter", "liters"),
    "h": ("hour", "hours"),
    "s": ("second", "seconds"),
    "V": ("volt", "volts"),
    "W": ("watt", "watts"),
    "k": ("thousand", "thousand"),
    "K": ("K", "K"),
    "M": ("million", "million"),
    "bn": ("billion", "billion"),
}
"""Read as units only directly behind the number."""
_LOOSE = {"m", "g"}
"""... and these also behind a space, where no letter follows."""

_ALL = {**_UNITS, **_ATTACHED}
_alternatives = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_MEASURE = re.compile(
    rf"(?<![\w.,])({NUMBER})(?:\s?({_alternatives})|({'|'.join(_ATTACHED)})|\s({'|'.join(_LOOSE)}))(?![\w/²³°'’])(\.(?=\s+[a-z]))?"
)
_PER = re.compile(r"(?<=s|r)/(s|sec|min|h|hr|hour|day|week|month|year)\b")
_HYPHENED = re.compile(rf"(?<![\w.,])({NUMBER})-({_alternatives}|m|g)(?!\w)")
_FEET_INCHES = re.compile(r"(?<![\w.,])(\d{1,2})\s?['’′]\s?(\d{1,2}(?:\.\d+)?)\s?(?:″|''|’’)?(?!\w)")
_INCHES = re.compile(rf"(?<![\w.,])({NUMBER})\s?″")
_FEET = re.compile(
    rf"(?<![\w.,])({NUMBER})['’′](?=\s(?:tall|high|long|wide|deep|by|x)\b|\s?x\s?\d|$)|(?<=by )({NUMBER})['’′](?!\w)"
)
_SIZE = re.compile(r"(?<=\d)((?:\s?(?:feet|inches|cm|mm|m|px|″|['’′]))?)(?:\s?x|×)\s?(?=\d)")
_RANGE = re.compile(
    rf"(?<![\w.,/-])([$£€]?)({NUMBER})(\s?(?:{_alternatives}))?\s?[-–]\s?(?:[$£€])?({NUMBER})(?!\w*-\w|[,.]?\d)"
)
_MINUS = re.compile(r"(?<![\w)\]%])[-−–]\s?(?=\.?\d)|(?<=\d)\s[-−–]\s(?=\d)|(?<=[\d)])\s?−\s?(?=[\d(])")
_VULGAR = {
    "½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4),
    "¾": (3, 4), "⅕": (1, 5), "⅛": (1, 8), "⅜": (3, 8), "⅝": (5, 8),
    "⅞": (7, 8),
}  # fmt: skip
_PART_OF_UNIT = re.compile(rf"(and )?(\w+ (?:half|quarters?|thirds?|eighths?)) ({_alternatives})(?![\w/])")
_RATING = re.compile(r"(?<![\w.,/])(\d+\.\d+)/(\d+)(?![\w/]|\.\d)")
_VULGAR_FRACTION = re.compile(rf"(?:(\d+)\s?)?([{''.join(_VULGAR)}])")
_FRACTION = re.compile(r"(?<![\w/.,])(?:(\d{1,3})[ -])?(\d{1,3})/(\d{1,3})(?![\w/]|[.,]\d)")
_DETERMINERS = frozenset(("a", "an", "the", "this", "that", "his", "her", "its", "my", "your", "our", "their"))
_SAID = {
    (24, 7): "twenty-four seven",
    (50, 50): "fifty-fifty",
    (9, 11): "nine eleven",
    (7, 11): "seven eleven",
}
_PARTS = frozenset((2, 3, 4, 8, 16, 32, 64))
_RATED = frozenset((5, 10, 20, 50, 100))


def _fraction(top: int, bottom: int) -> str:
    if bottom == 2:
        part = "half" if top == 1 else "halves"
    elif bottom == 4:
        part = "quarter" if top == 1 else "quarters"
    else:
        part = ordinal(bottom) + ("" if top == 1 else "s")
    return f"{cardinal(top)} {part}"


def _mixed(whole: str | None, top: int, bottom: int) -> str:
    if whole is None:
        return _fraction(top, bottom)
    said = {(1, 2): "a half", (1, 4): "a quarter"}.get((top, bottom)) or _fraction(top, bottom)
    return f"{cardinal(int(whole))} and {said}"


def _slashed(match: re.Match[str]) -> str:
    whole, top, bottom = match[1], int(match[2]), int(match[3])
    if whole is None and (top, bottom) in _SAID:
        return _SAID[top, bottom]
    if 0 < top < bottom and (bottom in _PARTS or (top == 1 and bottom not in _RATED - {5, 10}) or whole is not None):
        return _mixed(whole, top, bottom)
    between = "out of" if bottom in _RATED and top <= bottom else "over"
    said = f"{cardinal(top)} {between} {cardinal(bottom)}"
    return f"{cardinal(int(whole))} {said}" if whole is not None else said


def _measure(match: re.Match[str]) -> str:
    return _counted(match[1], *_ALL[match[2] or match[3] or match[4]])


def _hyphened(match: re.Match[str]) -> str:
    return f"{decimal(match[1])} {_ALL[match[2]][0]}"


def _range(match: re.Match[str]) -> str:
    if " - " in match[0] and (value(match[2]) > value(match[4]) or match.string[match.end() :].lstrip()[:1] == "="):
        return match[0]  # a subtraction
    return f"{match[1]}{match[2]}{match[3] or ''} to {match[1]}{match[4]}"


def _per(match: re.Match[str]) -> str:
    known = _ALL.get(match[1])
    return f" per {known[0] if known else match[1]}"


def _counted(number: str, one: str, several: str) -> str:
    return f"{decimal(number)} {one if value(number) == 1 else several}"


def _inches(match: re.Match[str]) -> str:
    """``a 12" knife`` has one kind of inch, ``it is 12" long`` has twelve."""
    words = match.string[: match.start()].split()
    attribute = bool(words) and words[-1].lower() in _DETERMINERS
    return _counted(match[1], "inch", "inch" if attribute else "inches")


def _feet_and_inches(traced: Traced, options: TextOptions) -> Traced:
    traced = traced.sub(_FEET_INCHES, lambda m: f"{cardinal(int(m[1]))} foot {decimal(m[2])}").sub(_SIZE, r"\1 by ")
    traced = traced.sub(_INCHES, _inches)
    return traced.sub(_FEET, lambda m: _counted(m[1] or m[2], "foot", "feet"))


def _fractions(traced: Traced, options: TextOptions) -> Traced:
    traced = traced.sub(_VULGAR_FRACTION, lambda m: _mixed(m[1], *_VULGAR[m[2]])).sub(_FRACTION, _slashed)
    traced = traced.sub(_RATING, lambda m: f"{decimal(m[1])} out of {decimal(m[2])}")
    return traced.sub(_PART_OF_UNIT, lambda m: f"{m[1] or ''}{m[2]} {_ALL[m[3]][1 if m[1] else 0]}")


def _ranges(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_RANGE, _range)


def _minus(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_MINUS, " minus ")


def _units(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_HYPHENED, _hyphened).sub(_MEASURE, _measure).sub(_PER, _per)


STEPS = (
    Step("feet and inches", wants_numbers, _feet_and_inches),
    Step("fractions", wants_numbers, _fractions),
    Step("ranges", wants_numbers, _ranges),
    Step("minus", wants_numbers, _minus),
    Step("units", wants_numbers, _units),
)
