"""The library's espeak phonemizer on the packaged shared library: no program has to be on the machine.

The library calls the program ``espeak-ng`` with ``--ipa=1``; the shared library, which the environment has anyway,
makes the same phonemes. Imports the library: only for ``load``.
"""

from __future__ import annotations

import ctypes
import re
from functools import cache
from typing import Any

from TTS.tts.utils.text import phonemizers
from TTS.tts.utils.text.phonemizers.base import BasePhonemizer
from TTS.tts.utils.text.punctuation import Punctuation

from server.errors import SynthesisFailed

_NAME = "espeak"
_RETRIEVE_SOUND, _DONT_EXIT = 2, 0x8000
_UTF8 = 1
_IPA = 0x02 | ord("_") << 8
"""With a mark between phonemes, as the program is asked for: some are written otherwise without."""
_LANGUAGE_SWITCH = re.compile(r"\(.+?\)")
_OTHER_NAMES = {"en": "en-us", "zh-cn": "cmn"}
"""What the library itself takes them for."""


class PackagedEspeak(BasePhonemizer):
    """Stands in for the library's own class of that name."""

    def __init__(
        self, language: str, punctuations: str = Punctuation.default_puncs(), *, keep_puncs: bool = True, **_: Any
    ) -> None:
        super().__init__(
            _OTHER_NAMES.get(language, language), punctuations=punctuations, keep_puncs=keep_puncs
        )

    @staticmethod
    def name() -> str:
        """What configurations call it."""
        return _NAME

    @classmethod
    def is_available(cls) -> bool:
        """Whether the shared library can be loaded."""
        return bool(_espeak().languages)

    def version(self) -> str:
        """Of the shared library."""
        return _espeak().version

    @staticmethod
    def supported_languages() -> dict[str, str]:
        """Language codes and the voices' names."""
        return _espeak().languages

    def _phonemize(self, text: str, separator: str = "") -> str:
        return _espeak().ipa(text, self._language).replace("_", separator)


def use_packaged_espeak() -> None:
    """From now on the library's models speak through it."""
    phonemizers._register_phonemizers()
    phonemizers.PHONEMIZERS[_NAME] = PackagedEspeak
    for language in (*PackagedEspeak.supported_languages(), *_OTHER_NAMES):
        phonemizers.DEF_LANG_TO_PHONEMIZER.setdefault(language, _NAME)


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class _Espeak:
    """The shared library; it keeps its language in a global variable."""

    def __init__(self) -> None:
        import espeakng_loader

        data = espeakng_loader.get_data_path()
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._library.espeak_TextToPhonemes.argtypes = (ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int)
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._library.espeak_ListVoices.argtypes = (ctypes.c_void_p,)
        self._library.espeak_SetVoiceByProperties.argtypes = (ctypes.POINTER(_Voice),)
        self._library.espeak_Info.restype = ctypes.c_char_p
        if self._library.espeak_Initialize(_RETRIEVE_SOUND, 0, data.encode(), _DONT_EXIT) <= 0:
            raise SynthesisFailed(f"espeak-ng found no data at {data}.")
        self.version = self._library.espeak_Info(None).decode()
        self.languages = self._listed()
        self._language = ""

    def ipa(self, text: str, language: str) -> str:
        """IPA with ``_`` between phonemes."""
        if language != self._language:
            wanted = _Voice(languages=language.encode())
            # By name first and then by language, as the program understands ``-v``.
            if (
                self._library.espeak_SetVoiceByName(language.encode()) != 0
                and self._library.espeak_SetVoiceByProperties(ctypes.byref(wanted)) != 0
            ):
                raise SynthesisFailed(f"espeak-ng has no voice for {language}.")
            self._language = language
        rest = ctypes.c_char_p(text.replace("\0", " ").encode())
        clauses = []
        while rest.value:
            clause = self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA)
            clauses.append(_LANGUAGE_SWITCH.sub("", (clause or b"").decode("utf-8", "replace")).strip())
        return " ".join(clause for clause in clauses if clause)

    def _listed(self) -> dict[str, str]:
        found: dict[str, str] = {}
        voices = self._library.espeak_ListVoices(None)
        number = 0
        while voices[number]:
            voice = voices[number].contents
            # A byte of priority, then a language; a voice's further ones lie behind the zero that ends it.
            found[(voice.languages or b"")[1:].decode()] = voice.name.decode()
            number += 1
        return found


@cache
def _espeak() -> _Espeak:
    """One for the process, since it is one library."""
    return _Espeak()
