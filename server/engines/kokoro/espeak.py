"""Phonemes from espeak-ng: the fallback for English names, and the front end of five languages."""

from __future__ import annotations

import re

from server.engines.espeak_library import espeak_library

_VOICES = {
    "en-us": "gmw/en-US", "en-gb": "gmw/en", "es": "roa/es", "fr-fr": "roa/fr",
    "hi": "inc/hi", "it": "roa/it", "pt-br": "roa/pt-BR",
}  # fmt: skip
"""Language -> voice file: found by name, voices of the same language would compete."""

_LANGUAGE_SWITCH = re.compile(r"\([a-z-]+\)")

_SHARED = (
    ("a^ɪ", "I"), ("a^ʊ", "W"), ("e^ɪ", "A"), ("ɔ^ɪ", "Y"), ("o^ʊ", "O"), ("ə^ʊ", "Q"),
    ("d^ʒ", "ʤ"), ("t^ʃ", "ʧ"), ("t^s", "ʦ"), ("d^z", "ʣ"), ("s^s", "S"),
)  # fmt: skip
_ENGLISH = (
    ("ʔˌn\u0329", "ʔn"), ("ʔn\u0329", "ʔn"), ("ə^l", "ᵊl"), ("ʲo", "jo"), ("ʲə", "jə"), ("ʲ", ""),
    ("ɚ", "əɹ"), ("r", "ɹ"), ("x", "k"), ("ç", "k"), ("ɐ", "ə"), ("ɬ", "l"), ("\u0303", ""),
)  # fmt: skip
_AMERICAN = (("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("ɾ", "T"))
_BRITISH = (("e^ə", "ɛː"), ("iə", "ɪə"))
_SYLLABIC = re.compile(r"(\S)\u0329")


class Espeak:
    """Kokoro's symbols from those of the shared library."""

    def __init__(self) -> None:
        self._library = espeak_library()

    def ipa(self, text: str, language: str) -> str:
        """IPA of a clause, stressed, sounds that belong together tied with ``^``."""
        clauses = (clause.strip() for clause in self._library.clauses(text, _VOICES[language], "^", ties=True))
        return _LANGUAGE_SWITCH.sub("", " ".join(clause for clause in clauses if clause))

    def english(self, word: str, british: bool) -> str:
        """One word in Kokoro's English symbols, which are those of misaki's dictionaries."""
        sounds = self.ipa(word, "en-gb" if british else "en-us")
        sounds = _SYLLABIC.sub(r"ᵊ\1", _replaced(sounds, (*_ENGLISH[:2], *_SHARED, *_ENGLISH[2:])))
        sounds = _replaced(sounds, _BRITISH if british else _AMERICAN)
        return _replaced(sounds, (("e", "A"), ("o", "ɔ"), ("ʔ", "t"), ("^", "")))

    def foreign(self, text: str, language: str) -> str:
        """A clause of another language in Kokoro's symbols."""
        return _replaced(self.ipa(text, language), (*_SHARED, ("^", ""), ("-", "")))


def _replaced(text: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        text = text.replace(old, new)
    return text
