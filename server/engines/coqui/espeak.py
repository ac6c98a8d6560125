"""The library's espeak phonemizer on the packaged shared library: no program has to be on the machine.

The library calls the program ``espeak-ng`` with ``--ipa=1``; the shared library, which the environment has anyway,
makes the same phonemes. Imports the library: only for ``load``.
"""

from __future__ import annotations

import re
from typing import Any

from TTS.tts.utils.text import phonemizers
from TTS.tts.utils.text.phonemizers.base import BasePhonemizer
from TTS.tts.utils.text.punctuation import Punctuation

from server.engines.espeak_library import espeak_library

_NAME = "espeak"
_MARK = "_"
"""Between phonemes, as the program is asked for: some are written otherwise without."""
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
        return bool(espeak_library().languages)

    def version(self) -> str:
        """Of the shared library."""
        return espeak_library().version

    @staticmethod
    def supported_languages() -> dict[str, str]:
        """Language codes and the voices' names."""
        return espeak_library().languages

    def _phonemize(self, text: str, separator: str = "") -> str:
        return _ipa(text, self._language).replace(_MARK, separator)


def use_packaged_espeak() -> None:
    """From now on the library's models speak through it."""
    phonemizers._register_phonemizers()
    phonemizers.PHONEMIZERS[_NAME] = PackagedEspeak
    for language in (*PackagedEspeak.supported_languages(), *_OTHER_NAMES):
        phonemizers.DEF_LANG_TO_PHONEMIZER.setdefault(language, _NAME)


def _ipa(text: str, language: str) -> str:
    clauses = (_LANGUAGE_SWITCH.sub("", clause).strip() for clause in espeak_library().clauses(text, language, _MARK))
    return " ".join(clause for clause in clauses if clause)
