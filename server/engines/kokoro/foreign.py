"""Spanish, French, Hindi, Italian and Portuguese through espeak-ng, as Kokoro learned them."""

from __future__ import annotations

import re
from itertools import accumulate

from server.engines.kokoro.espeak import Espeak
from server.engines.kokoro.utterance import Unit, unit
from server.engines.kokoro.vocabulary import from_ipa
from server.text.piece import PhonemeSpan

_MARK = re.compile(r"(?<!\d)[.,:]|[.,:](?!\d)|[;!?…—()“”\"«»]")
"""Punctuation the model hears; a point or comma inside a number is not."""
_SAID_AS = {"«": "“", "»": "”"}
_WORD = re.compile(r"\S+")


def units(text: str, language: str, espeak: Espeak, spans: tuple[PhonemeSpan, ...] = ()) -> list[Unit]:
    """Words and marks of ``text`` in order; characters of ``spans`` are said as they ask."""
    made: list[Unit] = []
    at = 0
    for span in sorted(spans, key=lambda span: span.start):
        made += _plain(text, at, span.start, language, espeak)
        made.append(unit(from_ipa(span.ipa, english=False) + " ", span.start, span.end))
        at = span.end
    return made + _plain(text, at, len(text), language, espeak)


def _plain(text: str, start: int, end: int, language: str, espeak: Espeak) -> list[Unit]:
    made: list[Unit] = []
    at = start
    for mark in _MARK.finditer(text, start, end):
        made += _clause(text, at, mark.start(), language, espeak)
        made.append(_mark(text, mark.start(), mark.end()))
        at = mark.end()
    return made + _clause(text, at, end, language, espeak)


def _mark(text: str, start: int, end: int) -> Unit:
    space = " " if text[end : end + 1].isspace() else ""
    return unit(_SAID_AS.get(text[start:end], text[start:end]) + space, start, end, word=False)


def _clause(text: str, start: int, end: int, language: str, espeak: Espeak) -> list[Unit]:
    """A run of words, spoken together: French links them."""
    words = [match.span() for match in _WORD.finditer(text, start, end)]
    if not words:
        return []
    sounds = espeak.foreign(text[words[0][0] : words[-1][1]], language).split()
    space = " " if text[words[-1][1] : words[-1][1] + 1].isspace() else ""
    # Numbers and clitics make more words or fewer: then by share of letters, near enough to highlight.
    places = words if len(sounds) == len(words) else _shared_out(sounds, words)
    last = len(sounds) - 1
    return [unit(sound + (space if i == last else " "), *places[i]) for i, sound in enumerate(sounds)]


def _shared_out(sounds: list[str], words: list[tuple[int, int]]) -> list[tuple[int, int]]:
    letters = list(accumulate(end - start for start, end in words))
    spoken = list(accumulate(len(sound) for sound in sounds))
    places = []
    for middle in (total - len(sound) / 2 for total, sound in zip(spoken, sounds, strict=True)):
        share = middle / spoken[-1] * letters[-1]
        places.append(next(word for word, upto in zip(words, letters, strict=True) if share <= upto))
    return places
