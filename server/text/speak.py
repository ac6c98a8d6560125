"""One sentence on its way to an engine: cleaned, looked up, normalised, made a piece."""

from __future__ import annotations

import re

from server.text import english, others
from server.text.clean import CLEANING, TIDYING, run_steps
from server.text.inline import SpokenWords
from server.text.lexicon import Lexicon
from server.text.options import TextOptions
from server.text.piece import PhonemeSpan, Piece, SourceSpan
from server.text.sentences import Gap, Sentence
from server.text.traced import Traced, is_word_char

PAUSES: dict[Gap, float] = {
    "none": 0.06,
    "clause": 0.1,
    "sentence": 0.3,
    "line": 0.42,
    "paragraph": 0.55,
    "end": 0.0,
    "pause": 0.0,
}
"""Seconds of silence behind what ends so."""
_STOPS = ".!?。！？؟।"
_HESITATION = "…"
_UNFINISHED = 0.12
"""Seconds where the role changes within a sentence."""
_WORD = re.compile(r"\S+")


def pause_after(text: str, gap: Gap) -> float:
    """Seconds of silence behind a piece, by its gap and its last mark."""
    if gap != "sentence" or text[-1:] in _STOPS:
        return PAUSES[gap]
    return 0.35 if text[-1:] in _HESITATION else _UNFINISHED


def make_piece(
    sentence: Sentence, options: TextOptions, lexicon: Lexicon, words: SpokenWords
) -> Piece | None:
    """The sentence as an engine is to speak it; None where nothing of it can be said."""
    if not sentence.traced.text:
        return Piece("", *sentence.pause_range, pause_after=sentence.pause)
    language = options.language
    written = sentence.traced
    said = run_steps(CLEANING, written, options)
    said = lexicon.mark(said, language, words.add)
    normalising = english.NORMALISING if language.split("-")[0] == "en" else others.NORMALISING
    said = run_steps(normalising, said, options)
    said = lexicon.mark(said, language, words.add)
    said = run_steps(TIDYING, said, options)
    if not any(c.isalnum() or is_word_char(c) for c in said.text):
        return None
    return _piece(said, written, sentence.gap, words)


def _piece(said: Traced, written: Traced, gap: Gap, words: SpokenWords) -> Piece:
    said, phonemes = _spell_out(said, words)
    sources = []
    for match in _WORD.finditer(said.text):
        if any(c.isalnum() for c in match[0]):
            start, end = said.range(*match.span())
            sources.append(SourceSpan(match.start(), match.end(), start, end))
    start, end = written.range(0, len(written.text))
    return Piece(said.text, start, end, pause_after(said.text, gap), phonemes=phonemes, sources=tuple(sources))


def _spell_out(said: Traced, words: SpokenWords) -> tuple[Traced, tuple[PhonemeSpan, ...]]:
    """Put the words back that private-use characters stand for."""
    parts: list[str] = []
    ranges: list[tuple[int, int]] = []
    phonemes: list[PhonemeSpan] = []
    length = 0
    for char, where in zip(said.text, said.ranges, strict=True):
        word = words.words.get(char) if is_word_char(char) else None
        new = word.text if word else char
        if word and word.ipa:
            phonemes.append(PhonemeSpan(length, length + len(new), word.ipa))
        parts.append(new)
        ranges += [where] * len(new)
        length += len(new)
    return Traced("".join(parts), tuple(ranges)), tuple(phonemes)
