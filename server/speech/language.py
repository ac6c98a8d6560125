"""A guess at the language of a text: by its script, then by its small words. Only where somebody asks for it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

AUTO = "auto"
"""Asks for a guess, in place of a language."""
_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u4e00-\u9fff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
)
"""Kana first: Japanese is written with Chinese characters too."""

_SMALL_WORDS = {
    "en": "the and of to is you that it was for are with his they this have from what your not can i my me",
    "de": "der die das und ist nicht ich du sie es ein eine mit auf für den dem sich auch wie war mein",
    "fr": "le la les et est je tu vous nous un une des pas que qui dans pour sur avec ce elle il mais",
    "es": "el la los las y es que de en un una no por con para se lo mi tu como pero más está",
    "it": "il lo la gli e è che di un una non per con sono mi ti si come ma più questo della",
    "pt": "o a os as e é que de um uma não por com para se eu você como mas mais isso está do da",
    "nl": "de het een en is niet ik je van dat op te zijn met voor hij zij maar ook wat er",
    "pl": "i w nie na się jest to że z do jak ale co tak dla ja ty czy już po",
    "tr": "ve bir bu da de için ne ben sen o çok ama var mı gibi daha değil",
    "cs": "a je v se na to že s z do jak ale co tak pro já ty už po není",
    "hu": "a az és hogy nem egy is ez van de meg csak már mint én te vagy",
}
_WORDS = {language: frozenset(words.split()) for language, words in _SMALL_WORDS.items()}


def guess_language(text: str, among: Sequence[str]) -> str | None:
    """The tag out of ``among`` that the text is most probably written in; None where nothing speaks for any."""
    bases: dict[str, str] = {}
    for tag in among:
        bases.setdefault(tag.partition("-")[0], tag)
    for base, pattern in _SCRIPTS:
        if base in bases and len(pattern.findall(text)) * 4 >= len(re.findall(r"\w", text)) > 0:
            return bases[base]
    words = Counter(re.findall(r"[^\W\d_]+", text.lower()))
    scores = {
        base: sum(count for word, count in words.items() if word in _WORDS[base]) for base in bases if base in _WORDS
    }
    best = max(scores, key=lambda base: scores[base], default=None)
    return bases[best] if best is not None and scores[best] else None
