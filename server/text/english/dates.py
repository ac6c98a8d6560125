"""Dates, times of day, years, telephone numbers, versions: numbers that are names."""

from __future__ import annotations

import re

from server.text.clean import Step, wants_numbers
from server.text.english.words import cardinal, digits, ordinal, plural, year
from server.text.options import TextOptions
from server.text.traced import Traced

MONTHS = (
    "January", "February", "March", "April", "May",
    "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_SHORT = {month[:3]: month for month in MONTHS} | {"Sept": "September"}
_MONTH = rf"(?:{'|'.join(MONTHS)}|(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec)\b\.?)"

_ISO = re.compile(r"(?<![\w-])(\d{4})([-/])(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?![\w-])(?:T(?=\d))?")
_SLASHED = re.compile(r"(?<![\w/.])(\d{1,2})([/.])(\d{1,2})\2(\d{4})(?![\w/])")
_MONTH_DAY = re.compile(rf"\b({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?(?:(,)? (\d{{4}}))?(?![\w:/%]|[.,]\d)")
_DAY_MONTH = re.compile(rf"\b([Tt]he )?(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})(?:,? (\d{{4}}))?(?!\w|[.,]\d)")
_MONTH_ALONE = re.compile(rf"\b({_MONTH})(?= \d{{4}}\b)|\b(Jan|Feb|Aug|Sept|Sep|Oct|Nov|Dec)\.(?=\s|$)")
_DURATION = re.compile(r"(?<![\d:.])(\d{1,2}):([0-5]\d):([0-5]\d)(?![\d:])")
_CLOCK = re.compile(r"(?<![\d:.,])([01]?\d|2[0-4]):([0-5]\d)(?:\s?([AaPp])\.?\s?[Mm]\b(\.?))?(?![\d:])")
_CLOCK_RANGE = re.compile(
    r"(?<![\d:.,])(\d{1,2}(?::\d\d)?(?:\s?[AaPp]\.?[Mm]\b\.?)?)\s?[-–]\s?(?=\d{1,2}(?::\d\d)?\s?[AaPp]\.?[Mm]\b|\d{1,2}:\d\d)"
)
_HOUR = re.compile(r"(?<![\d:.,])(1[0-2]|[1-9])\s?([AaPp])\.?\s?[Mm]\b(\.?)(?!\w)")
_HALF_DAY = re.compile(r"(?<!\w)([ap])\.\s?m\.(?=(\s*$)?)")
_RATIO = re.compile(r"(?<![\d:.])(\d{1,3}):(\d{1,3})(?![\d:])")
_DECADE = re.compile(r"(?<![\w.,])['’]?((?:1[1-9]|20)?)(\d)0['’]?s\b")
_SHORT_YEAR = re.compile(r"(?:(?<!\w)|(?<=Q\d))['’](\d\d)(?![\w'’])")
_YEAR_RANGE = re.compile(r"(?<![\w.,-])((?:1[1-9]|20)\d\d)(?:\s?[-–]\s?|/)((?:1[1-9]|20)?\d\d)(?![\w-]|[.,]\d)")
_YEAR = re.compile(r"(?<![\w.,$£€#/-])((?:1[1-9]|20)\d\d)(?![\w%°/]|[.,:]\d|-\d)")
_ERA = re.compile(r"\b(\d{1,4}) ?(BC|BCE|AD|CE)\b")
_PHONE = re.compile(
    r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,5}\d{2,4}"
    r"|(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}|\d{3}-\d{4})(?![\w-]|\.\d)"
)
_CODE = re.compile(r"(?<![\w.-])\d+(?:-\d+){2,}(?![\w-]|\.\d)")
_IP = re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)")
_VERSION = re.compile(r"\b[vV](?:er)?\.?\s?(\d+(?:\.\d+)*)(?!\w)|(?<![\w.])(\d+(?:\.\d+){2,})(?!\w)")


def _date(month: int | str, day: int, written_year: str | None) -> str:
    name = month if isinstance(month, str) else MONTHS[month - 1]
    return f"{name} {ordinal(day)}" + (f", {year(int(written_year))}" if written_year else "")


def _iso(match: re.Match[str]) -> str:
    return _date(int(match[3]), int(match[4]), match[1]) + (" at " if match[0].endswith("T") else "")


def _month(name: str) -> str:
    return _SHORT.get(name.rstrip("."), name)


def _slashed(match: re.Match[str], options: TextOptions) -> str:
    first, second = int(match[1]), int(match[3])
    day_first = match[2] == "." or options.language in ("en-gb", "en-au", "en-in") or first > 12
    day, month = (first, second) if day_first else (second, first)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match[0]
    return _date(month, day, match[4])


def _month_day(match: re.Match[str]) -> str:
    return _date(_month(match[1]), int(match[2]), match[4]) if 1 <= int(match[2]) <= 31 else match[0]


def _day_month(match: re.Match[str]) -> str:
    if not 1 <= int(match[2]) <= 31:
        return match[0]
    said_year = f", {year(int(match[4]))}" if match[4] else ""
    return f"{match[1] or 'the '}{ordinal(int(match[2]))} of {_month(match[3])}{said_year}"


def _ends(match: re.Match[str], stop: str) -> str:
    """The stop of ``p.m.`` is also the sentence's where the text ends."""
    return "." if stop and match.end() == len(match.string) else ""


def _clock(match: re.Match[str]) -> str:
    hour, minute = int(match[1]), int(match[2])
    half = f" {match[3].upper()}M" if match[3] else ""
    if minute == 0:
        said = cardinal(hour) + (half or (" o'clock" if 1 <= hour <= 12 else " hundred"))
    else:
        said = f"{cardinal(hour)} {'oh ' if minute < 10 else ''}{cardinal(minute)}{half}"
    return said + _ends(match, match[4] or "")


def _duration(match: re.Match[str]) -> str:
    parts = ((int(match[1]), "hour"), (int(match[2]), "minute"), (int(match[3]), "second"))
    return " ".join(f"{cardinal(n)} {unit}{'' if n == 1 else 's'}" for n, unit in parts if n) or "zero seconds"


def _decade(match: re.Match[str]) -> str:
    tens = {"0": "hundred", "1": "ten"}.get(match[2]) or cardinal(int(match[2]) * 10)
    if match[1] == "20" and match[2] == "0":
        return "two thousands"
    if not match[1] and match[2] in "01":
        return match[0]
    return f"{cardinal(int(match[1]))} {plural(tens)}" if match[1] else plural(tens)


def _year_range(match: re.Match[str]) -> str:
    end = int(match[2])
    said = year(end) if end > 99 else cardinal(end) if end > 9 else f"oh {cardinal(end)}"
    return f"{year(int(match[1]))} to {said}"


def _short_year(match: re.Match[str]) -> str:
    return (" oh " if match[1][0] == "0" else " ") + cardinal(int(match[1]))


def _phone(match: re.Match[str]) -> str:
    groups = re.findall(r"\d+", match[0])
    return ("plus " if match[0].startswith("+") else "") + ", ".join(digits(g) for g in groups)


def _points(text: str) -> str:
    return " point ".join(cardinal(int(part)) for part in text.split("."))


def _phones(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_PHONE, _phone)


def _dates(traced: Traced, options: TextOptions) -> Traced:
    traced = traced.sub(_ISO, _iso).sub(_SLASHED, lambda m: _slashed(m, options))
    traced = traced.sub(_MONTH_DAY, _month_day).sub(_DAY_MONTH, _day_month)
    return traced.sub(_MONTH_ALONE, lambda m: _month(m[0]))


def _codes(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_CODE, lambda m: ", ".join(digits(part) for part in m[0].split("-")))


def _network_addresses(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_IP, lambda m: " dot ".join(digits(part) for part in m[0].split(".")))


def _versions(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_VERSION, lambda m: f"version {_points(m[1])}" if m[1] else _points(m[2]))


def _times(traced: Traced, options: TextOptions) -> Traced:
    traced = traced.sub(_CLOCK_RANGE, r"\1 to ").sub(_DURATION, _duration).sub(_CLOCK, _clock)
    traced = traced.sub(_HOUR, lambda m: f"{cardinal(int(m[1]))} {m[2].upper()}M{_ends(m, m[3])}")
    traced = traced.sub(_HALF_DAY, lambda m: f"{m[1].upper()}M" + ("." if m[2] is not None else ""))
    return traced.sub(_RATIO, lambda m: f"{cardinal(int(m[1]))} to {cardinal(int(m[2]))}")


def _years(traced: Traced, options: TextOptions) -> Traced:
    traced = traced.sub(_DECADE, _decade).sub(_YEAR_RANGE, _year_range).sub(_SHORT_YEAR, _short_year)
    return traced.sub(_ERA, lambda m: f"{year(int(m[1]))} {m[2]}")


def _lone_years(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_YEAR, lambda m: year(int(m[1])))


STEPS = (
    Step("phone numbers", wants_numbers, _phones),
    Step("dates", wants_numbers, _dates),
    Step("codes", wants_numbers, _codes),
    Step("network addresses", wants_numbers, _network_addresses),
    Step("versions", wants_numbers, _versions),
    Step("times", wants_numbers, _times),
    Step("years", wants_numbers, _years),
)
LONE_YEARS = Step("lone years", wants_numbers, _lone_years)
"""Later than units: ``2000 km`` is no year."""
