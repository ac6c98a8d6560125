"""Sizes and checksums of the library's archives, as far as somebody has published them.

The library's list has none; these are from one public manifest. An archive that is not here is trusted when it is
fetched for the first time, from its official address over https; its digests are then kept beside the model, see
``receipts.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

PINS: Mapping[str, tuple[int, str]] = {
    "tts_models/en/vctk/vits": (
        147_691_678, "ad753e5200614907627495b6177a08d755df1dbbde30eb6e31264caa2a3f3eaa",
    ),
    "tts_models/en/ljspeech/speedy-speech": (
        53_437_190, "ae772bc84c6b4d8fe97234f4d2a1282b925bf325659f319f03610edc4eb8023a",
    ),
    "vocoder_models/en/ljspeech/hifigan_v2": (
        3_802_006, "4378dc0afb12ae3f50c1614cb143c4084d066b28fde35b58f45fc6b56b1c75f3",
    ),
}  # fmt: skip
"""Name of a model or vocoder -> bytes and SHA-256 of its archive."""
