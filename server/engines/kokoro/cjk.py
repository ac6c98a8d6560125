"""Japanese and Chinese through misaki's optional parts; a clause is the smallest unit they report."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable

from server.engines.kokoro.utterance import Unit, unit
from server.engines.kokoro.vocabulary import from_ipa
from server.errors import Unavailable
from server.text.piece import PhonemeSpan

_CLAUSE = re.compile(r"[^、，。．！？；：…,.!?;:\n]+[、，。．！？；：…,.!?;:\n]*\s*")

Speller = Callable[[str], str]


def speller(language: str) -> Speller:
    """What turns a clause of ``ja`` or ``zh`` into phonemes; raises Unavailable naming what to install."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes and pkg_resources in the packages' own code
            return _japanese() if language == "ja" else _chinese()
    except ImportError as error:
        name = {"ja": "Japanese", "zh": "Chinese"}[language]
        raise Unavailable(
            f"{name} needs further packages: run `python3 -m server install kokoro-{language}`.",
            code="language_not_installed",
            param="language",
        ) from error


def units(text: str, spell: Speller, spans: tuple[PhonemeSpan, ...] = ()) -> list[Unit]:
    """Clauses of ``text`` in order; characters of ``spans`` are said as they ask."""
    made: list[Unit] = []
    at = 0
    for span in sorted(spans, key=lambda span: span.start):
        made += _clauses(text, at, span.start, spell)
        made.append(unit(from_ipa(span.ipa, english=False), span.start, span.end))
        at = span.end
    return made + _clauses(text, at, len(text), spell)


def _clauses(text: str, start: int, end: int, spell: Speller) -> list[Unit]:
    return [
        unit(spell(match.group()) + " ", match.start(), match.end()) for match in _CLAUSE.finditer(text, start, end)
    ]


def _japanese() -> Speller:
    from misaki.cutlet import Cutlet  # misaki.ja would also want pyopenjtalk, which needs a compiler

    cutlet = Cutlet()
    return lambda clause: str(cutlet(clause)[0])


def _chinese() -> Speller:
    import jieba
    from misaki.zh import ZHG2P

    jieba.setLogLevel(logging.WARNING)
    g2p = ZHG2P()
    return lambda clause: str(g2p(clause)[0])
