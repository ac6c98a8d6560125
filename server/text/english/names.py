"""Abbreviations, titles, initials and Roman numerals."""

from __future__ import annotations

import re

from server.text.clean import Step, wants_abbreviations
from server.text.english.words import cardinal, ordinal
from server.text.options import TextOptions
from server.text.traced import Traced
from server.text.wordlist import words_of

_ABBREVIATIONS = {
    "Mr.": "Mister", "Mrs.": "Missus", "Ms.": "Miz",
    "Prof.": "Professor", "Gen.": "General", "Col.": "Colonel",
    "Maj.": "Major", "Capt.": "Captain", "Cpt.": "Captain", "Lt.": "Lieutenant", "Sgt.": "Sergeant",
    "Cpl.": "Corporal", "Pvt.": "Private", "Rev.": "Reverend", "Hon.": "Honorable", "Sen.": "Senator",
    "Rep.": "Representative", "Gov.": "Governor", "Pres.": "President", "Adm.": "Admiral", "Jr.": "Junior",
    "Sr.": "Senior", "Messrs.": "Messieurs", "Mt.": "Mount",
    "Ft.": "Fort", "Ave.": "Avenue", "Blvd.": "Boulevard",
    "Rd.": "Road", "Ln.": "Lane", "Hwy.": "Highway",
    "Inc.": "Incorporated", "Ltd.": "Limited", "Corp.": "Corporation",
    "Co.": "Company", "Bros.": "Brothers",
    "Dept.": "Department", "dept.": "department", "est.": "established",
    "approx.": "approximately", "Approx.": "Approximately",
    "vs.": "versus", "vs": "versus", "etc.": "et cetera",
    "etc": "et cetera", "e.g.": "for example", "E.g.": "For example",
    "i.e.": "that is", "I.e.": "That is", "cf.": "compare",
    "viz.": "namely", "et al.": "and others", "ca.": "circa", "esp.": "especially", "incl.": "including",
    "excl.": "excluding", "max.": "maximum",
    "min.": "minimum", "misc.": "miscellaneous", "resp.": "respectively",
    "Ph.D.": "PhD", "a.k.a.": "also known as", "aka": "also known as",
    "w/o": "without", "w/": "with ", "b/c": "because",
    "b/w": "between", "Mon.": "Monday", "Tue.": "Tuesday", "Tues.": "Tuesday", "Wed.": "Wednesday",
    "Thu.": "Thursday", "Thurs.": "Thursday",
    "Fri.": "Friday", "n/a": "not applicable", "N/A": "not applicable",
}  # fmt: skip
_BEFORE_NUMBER = {
    "No.": "number", "no.": "number", "Nos.": "numbers", "nos.": "numbers", "№": "number", "Fig.": "figure",
    "fig.": "figure", "Vol.": "volume", "vol.": "volume", "Ch.": "chapter", "ch.": "chapter", "pp.": "pages",
    "p.": "page", "Sec.": "section", "sec.": "section", "Art.": "article", "Eq.": "equation", "§": "section",
    "ver.": "version", "ext.": "extension", "Ep.": "episode", "ep.": "episode",
}  # fmt: skip


def _any_of(table: dict[str, str]) -> str:
    return "|".join(sorted(map(re.escape, table), key=len, reverse=True))


_ABBREVIATION = re.compile(rf"(?<![\w.])(?:{_any_of(_ABBREVIATIONS)})(?![\w]|\.\w)")
_WITH = re.compile(r"(?<![\w.])w/(?!o\b)(?=[A-Za-z])")
_NUMBERED = re.compile(rf"(?<![\w.])({_any_of(_BEFORE_NUMBER)})\s?(?=\d)")
_TITLE_DR = re.compile(r"\bDr\.|\bDr(?=\s+[A-Z][a-z])")
_TITLE_ST = re.compile(r"\bSt\.|\bSt(?=\s+[A-Z][a-z])")
_CAPITAL_BEFORE = re.compile(r"(?:[A-Z][a-z]+|\d(?:st|nd|rd|th)) $")
_FIRST_WORD_BEFORE = re.compile(r"(?:^|[.!?:\u2026][^\w\s]*\s+|[^\w\s,'\u2019-])[A-Z][a-z]+ $")
"""The first word of a sentence, or behind a quote or a bracket."""
_CLOSING = " \"'”’)"
_DOTTED = re.compile(r"(?<![\w.])(?:[A-Z]\.){2,}(?!\w)")
_INITIAL = re.compile(r"(?<![\w.])([A-Z])\.(?=\s[A-Z])")

_ROMAN = re.compile(r"(?<=[A-Za-z.] )([IVXLC]+)(?![\w'’]|\.\w)")
_ROMAN_VALUE = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_VALID = re.compile(r"(?=[IVXLC])C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")
_PARTS = words_of(
    "act appendix article book chapter class episode figure grade level lesson mark number page part phase rank "
    "round scene season section stage step tier type volume war wars fantasy quest bowl"
)
_RULERS = words_of(
    "alexander alfonso benedict boniface catherine charles christian clement constantine edward elizabeth ferdinand "
    "francis frederick george gregory harald henry innocent ivan james john joseph juan julius karl king leo "
    "leopold louis ludwig mary napoleon nicholas olaf otto paul peter philip pius pope queen ramses rameses richard "
    "robert rudolf sixtus theodore umberto urban victor vittorio wilhelm william xerxes"
)
_NOT_ROMAN = frozenset(("XL", "XXL", "CC", "LL", "CL", "C", "L", "CV", "CI", "XC", "LI", "MIX"))
_AFTER_FIRST = re.compile(r"\s*(?:[,.;:!?)]|$|(?:of|was|is|had|and|died|ruled|who|reigned)\b)")


def _abbreviation(match: re.Match[str]) -> str:
    said = _ABBREVIATIONS[match[0]]
    return said + ("." if match[0].endswith(".") and not match.string[match.end() :].strip(_CLOSING) else "")


def _saint_or_street(match: re.Match[str]) -> str:
    """``St. Louis``, but ``Baker St.`` and ``42nd St. Station``."""
    if not match.string[match.end() :].strip(_CLOSING):
        return "Street."
    named = _CAPITAL_BEFORE.search(match.string[: match.start()])
    return "Street" if named or not match.string[match.end() :].lstrip()[:1].isupper() else "Saint"


def _doctor_or_drive(match: re.Match[str]) -> str:
    """``Dr. Watson`` and ``See Dr. Lee``, but ``Elm Dr.``, ``Elm Dr. is long`` and ``12 Elm Dr. Apt. 5``."""
    before, behind = match.string[: match.start()], match.string[match.end() :]
    if not behind.strip(_CLOSING):
        return "Drive."
    if _FIRST_WORD_BEFORE.search(before) and behind.lstrip()[:1].isupper():
        return "Doctor"  # any word is written large there
    return "Drive" if _CAPITAL_BEFORE.search(before) else "Doctor"


def _roman(match: re.Match[str]) -> str:
    numeral = match[1]
    words = match.string[: match.start()].split()
    word = words[-1].strip(".,\"“'(") if words else ""
    if not _VALID.fullmatch(numeral) or numeral in _NOT_ROMAN:
        return match[0]
    number = _value(numeral)
    if word.lower() in _PARTS:
        single = numeral == "I" and not _AFTER_FIRST.match(match.string[match.end() :])
        return match[0] if single else cardinal(number)
    if not word[:1].isupper() or len(word) < 2:
        return match[0]
    if len(numeral) == 1 and (numeral != "I" or not _AFTER_FIRST.match(match.string[match.end() :])):
        return f"the {ordinal(number)}" if numeral in "VX" and word.lower() in _RULERS else match[0]
    if word.lower() in _RULERS:
        return f"the {ordinal(number)}"
    return match[0] if len(numeral) == 1 else cardinal(number)


def _value(numeral: str) -> int:
    total = 0
    for digit, following in zip(numeral, [*numeral[1:], ""], strict=True):
        worth = _ROMAN_VALUE[digit]
        total += -worth if following and _ROMAN_VALUE[following] > worth else worth
    return total


def _dotted(match: re.Match[str]) -> str:
    """``U.S.A.`` loses its stops, but for the one that ends the text."""
    return match[0].replace(".", "") + ("." if not match.string[match.end() :].strip() else "")


def _numbered(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_NUMBERED, lambda m: f"{_BEFORE_NUMBER[m[1]]} ")


def _titles(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_TITLE_DR, _doctor_or_drive).sub(_TITLE_ST, _saint_or_street)


def _abbreviations(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_WITH, "with ").sub(_ABBREVIATION, _abbreviation)


def _initials(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_DOTTED, _dotted).sub(_INITIAL, r"\1")


def _roman_numerals(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_ROMAN, _roman)


STEPS = (
    Step("numbered", wants_abbreviations, _numbered),
    Step("titles", wants_abbreviations, _titles),
    Step("abbreviations", wants_abbreviations, _abbreviations),
    Step("Roman numerals", wants_abbreviations, _roman_numerals),
    Step("initials", wants_abbreviations, _initials),
)
