"""From text to the phonemes Kokoro speaks: picks the language's own way."""

from __future__ import annotations

import threading

from server.engines.kokoro import cjk, foreign
from server.engines.kokoro.english import English
from server.engines.kokoro.espeak import Espeak
from server.engines.kokoro.utterance import Unit
from server.engines.kokoro.voices import LANGUAGES
from server.errors import InvalidRequest
from server.text.piece import Piece


class Frontend:
    """All languages; Japanese and Chinese are loaded when first asked for."""

    def __init__(self) -> None:
        self._espeak = Espeak()
        self._english = English(self._espeak)
        self._spellers: dict[str, cjk.Speller] = {}
        self._lock = threading.Lock()

    def units(self, piece: Piece, language: str) -> list[Unit]:
        """Words and marks of a piece in ``language``, one of ``LANGUAGES``."""
        if language.startswith("en"):
            return self._english.units(piece.text, language == "en-gb", piece.phonemes)
        if language in ("ja", "zh"):
            return cjk.units(piece.text, self._speller(language), piece.phonemes)
        return foreign.units(piece.text, language, self._espeak, piece.phonemes)

    def _speller(self, language: str) -> cjk.Speller:
        with self._lock:
            if language not in self._spellers:
                self._spellers[language] = cjk.speller(language)
            return self._spellers[language]


def resolve_language(asked: str, own: str) -> str:
    """Kokoro's name of the language asked for; ``own``, the voice's, settles which English ``en`` is.

    Other regions of a language are spoken as the one Kokoro knows.
    """
    asked = asked.lower().replace("_", "-")
    for match in (asked, asked.split("-")[0]):
        near = [language for language in LANGUAGES if match in (language, language.split("-")[0])]
        if near:
            return own if own in near else near[0]
    raise InvalidRequest(
        f"Kokoro does not speak {asked!r}; it speaks {', '.join(LANGUAGES)}.",
        code="unsupported_language",
        param="language",
    )
