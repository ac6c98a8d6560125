"""The phoneme symbols Kokoro was trained on, as numbers; and how other people's IPA is said with them."""

from __future__ import annotations

import re

_TABLE = (  # the position is the number; a blank is a number that is not used
    ' ;:,.!?  —…"()“” \u0303ʣʥʦʨᵝꭧAI     O Q ST  W Yᵊabcdef hijklmnopqrstuvwxyzɑɐɒæ  βɔɕç ɖðʤə'
    " ɚɛɜ  ɟ ɡ      ɥ ɨɪʝ      ɯɰŋɳɲɴø ɸθœ  ɹ ɾɻ ʁɽʂʃʈʧ ʊʋ ʌɣɤ χʎ   ʒʔ       ˈˌː   ʰ ʲ    ↓ →↗↘   ᵻ"
)
"""From config.json of hexgrad/Kokoro-82M."""

_BLANK = 16
NUMBERS = {symbol: number for number, symbol in enumerate(_TABLE) if symbol != " "} | {" ": _BLANK}

MAX_TOKENS = 510
"""The model takes 512, with one pad at each end."""

PAUSES = ".!?…;:,—"
"""Symbols after which an utterance may be cut, the best places first."""

_FROM_IPA = (
    ("dʒ", "ʤ"), ("tʃ", "ʧ"), ("ts", "ʦ"), ("dz", "ʣ"), ("tɕ", "ʨ"), ("dʑ", "ʥ"),
    ("eɪ", "A"), ("aɪ", "I"), ("aʊ", "W"), ("oʊ", "O"), ("əʊ", "Q"), ("ɔɪ", "Y"),
    ("ɚ", "əɹ"), ("ɝ", "ɜɹ"), ("g", "ɡ"), ("ʼ", ""), ("'", "ˈ"),
)  # fmt: skip
_TIES = re.compile("[\u0361\u035c\u200d^]")


def numbers_of(phonemes: str) -> list[int]:
    """Numbers of the symbols; what the model does not know is left out."""
    return [NUMBERS[symbol] for symbol in phonemes if symbol in NUMBERS]


def from_ipa(ipa: str, english: bool) -> str:
    """IPA in the model's symbols, which write diphthongs and affricates as one."""
    text = _TIES.sub("", ipa.strip().strip("/[]"))
    for sound, symbol in _FROM_IPA:
        text = text.replace(sound, symbol)
    if english:
        text = text.replace("r", "ɹ")
    return "".join(symbol for symbol in text if symbol in NUMBERS)
