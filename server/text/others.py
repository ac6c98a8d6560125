"""Languages other than English: digits become number words, common abbreviations are written out."""

from __future__ import annotations

import re
from functools import lru_cache

from num2words import CONVERTER_CLASSES, num2words  # type: ignore[import-untyped]  # ships no types

from server.text.clean import Step, wants_abbreviations, wants_numbers, wants_symbols
from server.text.options import TextOptions
from server.text.traced import Traced

_POINT_DECIMALS = frozenset(("en", "ja", "ko", "th", "he", "zh"))
"""Languages that write 3,497.5; the others write 3.497,5."""
_PERCENT = {
    "de": "Prozent", "es": "por ciento", "fr": "pour cent",
    "it": "per cento", "nl": "procent", "pl": "procent",
    "pt": "por cento", "ru": "процентов", "sv": "procent", "da": "procent", "cs": "procent", "tr": "yüzde",
    "ja": "パーセント", "ko": "퍼센트",
}  # fmt: skip
_EURO = {
    "de": "Euro",
    "es": "euros",
    "fr": "euros",
    "it": "euro",
    "nl": "euro",
    "pl": "euro",
    "pt": "euros",
    "ru": "евро",
}
_DOLLAR = {
    "de": "Dollar",
    "es": "dólares",
    "fr": "dollars",
    "it": "dollari",
    "nl": "dollar",
    "pl": "dolarów",
    "pt": "dólares",
}
_CLOCK = {"de": " Uhr ", "fr": " heures ", "nl": " uur "}
_TO = {"de": " bis ", "fr": " à ", "es": " a ", "it": " a ", "nl": " tot ", "pt": " a "}
_AND = {
    "de": "und", "es": "y", "fr": "et", "it": "e", "nl": "en",
    "pl": "i", "pt": "e", "ru": "и", "sv": "och", "da": "og",
    "tr": "ve", "cs": "a",
}  # fmt: skip
_ABBREVIATIONS = {
    "de": {
        "z. B.": "zum Beispiel", "z.B.": "zum Beispiel",
        "d. h.": "das heißt", "d.h.": "das heißt", "u. a.": "unter anderem",
        "u.a.": "unter anderem", "usw.": "und so weiter",
        "bzw.": "beziehungsweise", "ca.": "circa", "evtl.": "eventuell",
        "ggf.": "gegebenenfalls", "vgl.": "vergleiche",
        "Nr.": "Nummer", "Dr.": "Doktor", "Prof.": "Professor",
        "Hr.": "Herr", "Fr.": "Frau", "Str.": "Straße",
        "inkl.": "inklusive", "Mio.": "Millionen", "Mrd.": "Milliarden",
        "km/h": "Kilometer pro Stunde", "km": "Kilometer", "kg": "Kilogramm", "cm": "Zentimeter",
    },
    "fr": {
        "M.": "Monsieur", "Mme": "Madame", "Mlle": "Mademoiselle", "Dr": "Docteur", "p. ex.": "par exemple",
        "etc.": "et cetera", "n°": "numéro", "km/h": "kilomètres heure", "km": "kilomètres", "kg": "kilos",
    },
    "es": {
        "Sr.": "señor", "Sra.": "señora", "Srta.": "señorita",
        "Dr.": "doctor", "Dra.": "doctora", "Ud.": "usted",
        "Uds.": "ustedes", "p. ej.": "por ejemplo", "etc.": "etcétera", "EE.UU.": "Estados Unidos",
        "EE. UU.": "Estados Unidos", "km": "kilómetros", "kg": "kilos",
    },
    "it": {
        "Sig.": "signor", "Sig.ra": "signora", "Dott.": "dottor", "Prof.": "professor", "ecc.": "eccetera",
        "p. es.": "per esempio", "km": "chilometri", "kg": "chili",
    },
    "pt": {
        "Sr.": "senhor", "Sra.": "senhora", "Dr.": "doutor", "Dra.": "doutora", "p. ex.": "por exemplo",
        "etc.": "et cetera", "km": "quilómetros", "kg": "quilos",
    },
    "nl": {
        "bijv.": "bijvoorbeeld", "d.w.z.": "dat wil zeggen", "enz.": "enzovoort", "dhr.": "de heer",
        "mevr.": "mevrouw",
    },
    "pl": {"np.": "na przykład", "itd.": "i tak dalej", "tzn.": "to znaczy", "m.in.": "między innymi"},
    "ru": {"т.е.": "то есть", "т.д.": "так далее", "т.п.": "тому подобное", "др.": "другие"},
}  # fmt: skip

_TIME = re.compile(r"(?<![\d:.,])([01]?\d|2[0-4])(?::|\s?h\s?)([0-5]\d)(?![\d:])(?:\s?Uhr\b)?")
_GERMAN_ORDINAL = re.compile(r"(\b(?:der|die|das)\s)?\b(\d{1,2})\.(?=\s[A-ZÄÖÜ])", re.IGNORECASE)
_GERMAN_YEAR = re.compile(r"(?<![\d.,])1[1-9]\d\d(?![\d.,]?\d)")
_BETWEEN_NUMBERS = re.compile(r"(?<=\d)[:/](?=\d)")
_RANGE = re.compile(r"(?<=\d)\s?[-–]\s?(?=\d)")
_MINUS = re.compile(r"(?<![\w)])[-−](?=\d)")
_MONEY_BEFORE = re.compile(r"([€$£])\s?(\d[\d.,]*\d|\d)")
_LETTER_DIGIT = re.compile(r"(?<=[A-Za-z])-?(\d+)")
_AND_SIGN = re.compile(r"\s?&\s?")
_MOST_DIGITS = 15


def _language(options: TextOptions) -> str:
    code = options.language.split("-")[0]
    return "no" if code == "nb" else code


@lru_cache(maxsize=64)
def _number(language: str) -> re.Pattern[str]:
    thousands, point = (",", ".") if language in _POINT_DECIMALS else (r".\s ", ",")
    return re.compile(
        rf"\d{{1,3}}(?:[{thousands}]\d{{3}})+(?:{re.escape(point)}\d+)?(?!\d)|\d+(?:{re.escape(point)}\d+)?"
    )


def _say(text: str, language: str) -> str:
    """A number as written in that language."""
    point = "." if language in _POINT_DECIMALS else ","
    whole, _, fraction = text.partition(point)
    whole = re.sub(r"\D", "", whole)
    if len(whole) > _MOST_DIGITS or (len(whole) > 1 and whole[0] == "0"):
        said = " ".join(str(num2words(int(d), lang=language)) for d in whole)
    elif fraction:
        said = str(num2words(float(f"{whole}.{fraction}"), lang=language))
    else:
        said = str(num2words(int(whole), lang=language))
    return said.replace(",", "")


def _german_ordinal(match: re.Match[str]) -> str:
    said = str(num2words(int(match[2]), lang="de", to="ordinal"))
    return f"{match[1]}{said}" if match[1] else f"{said}n"


def _numbers(traced: Traced, options: TextOptions) -> Traced:
    language = _language(options)
    if language not in CONVERTER_CLASSES or not any(c.isdigit() for c in traced.text):
        return traced
    glue = "" if language in ("ja", "zh") else " "
    percent = _PERCENT.get(language, "%")
    clock = _CLOCK.get(language, " ")
    traced = traced.sub(_TIME, lambda m: f"{m[1]}{clock}{m[2] if int(m[2]) else ''}".rstrip())
    traced = traced.sub(_MONEY_BEFORE, r"\2 \1").sub(_MINUS, "minus ").sub(_LETTER_DIGIT, r" \1")
    traced = traced.sub(_RANGE, _TO.get(language, ", "))
    if language == "de":
        traced = traced.sub(_GERMAN_ORDINAL, _german_ordinal)
        traced = traced.sub(_GERMAN_YEAR, lambda m: str(num2words(int(m[0]), lang="de", to="year")))
    traced = traced.sub(_BETWEEN_NUMBERS, " ")
    traced = traced.sub(re.compile(r"(?<=\d)\s?%"), f"{glue}{percent}")
    for sign, words in (("€", _EURO), (r"\$", _DOLLAR)):
        traced = traced.sub(re.compile(rf"(?<=\d)\s?{sign}"), f" {words.get(language, sign[-1])}")
    return traced.sub(_number(language), lambda m: _say(m[0], language))


@lru_cache(maxsize=16)
def _abbreviation(language: str) -> re.Pattern[str] | None:
    table = _ABBREVIATIONS.get(language)
    if not table:
        return None
    words = "|".join(sorted(map(re.escape, table), key=len, reverse=True))
    return re.compile(rf"(?<![\w.])(?:{words})(?![\w/]|\.\w)")


def _abbreviations(traced: Traced, options: TextOptions) -> Traced:
    language = _language(options)
    pattern = _abbreviation(language)
    if pattern is None:
        return traced
    table = _ABBREVIATIONS[language]

    def said(match: re.Match[str]) -> str:
        last = match[0].endswith(".") and not match.string[match.end() :].strip(" \"'”’»)")
        return table[match[0]] + ("." if last else "")

    return traced.sub(pattern, said)


def _symbols(traced: Traced, options: TextOptions) -> Traced:
    word = _AND.get(_language(options))
    return traced.sub(_AND_SIGN, f" {word} ") if word else traced


NORMALISING = (
    Step("abbreviations", wants_abbreviations, _abbreviations),
    Step("numbers", wants_numbers, _numbers),
    Step("symbols", wants_symbols, _symbols),
)
