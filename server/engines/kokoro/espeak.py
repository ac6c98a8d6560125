"""Phonemes from espeak-ng: the fallback for English names, and the front end of five languages."""

from __future__ import annotations

import ctypes
import re
import threading

from server.errors import SynthesisFailed

_RETRIEVE_SOUND, _DONT_EXIT = 2, 0x8000
_UTF8 = 1
_IPA, _TIE_BIT, _TIE = 0x02, 0x80, "^"

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
    """The library, one call at a time: it keeps its language and its text in global variables."""

    def __init__(self) -> None:
        import espeakng_loader

        self._lock = threading.Lock()
        self._language = ""
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._library.espeak_TextToPhonemes.argtypes = (
            ctypes.POINTER(ctypes.c_char_p),
            ctypes.c_int,
            ctypes.c_int,
        )
        data = espeakng_loader.get_data_path().encode()
        if self._library.espeak_Initialize(_RETRIEVE_SOUND, 0, data, _DONT_EXIT) <= 0:
            raise SynthesisFailed(f"espeak-ng found no data at {espeakng_loader.get_data_path()}.")

    def ipa(self, text: str, language: str) -> str:
        """IPA of a clause, stressed, sounds that belong together tied with ``^``."""
        with self._lock:
            if language != self._language:
                if self._library.espeak_SetVoiceByName(_VOICES[language].encode()) != 0:
                    raise SynthesisFailed(f"espeak-ng has no voice for {language}.")
                self._language = language
            rest = ctypes.c_char_p(text.replace("\0", " ").encode())
            clauses = []
            while rest.value:
                mode = _IPA | _TIE_BIT | ord(_TIE) << 8
                clause = self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, mode)
                clauses.append((clause or b"").decode("utf-8", "replace").strip())
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
