"""Kokoro's voices, as told apart by their ids, and their styles."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from server.engines.kokoro.frontend import resolve_language
from server.engines.kokoro.voices import LANGUAGES, VoiceBook
from server.errors import InvalidRequest, NotFound
from server.voices.voice import Voice

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def book() -> VoiceBook:
    return VoiceBook()


def test_fifty_four_voices(book: VoiceBook) -> None:
    voices = {voice.id: voice for voice in book.voices()}
    assert len(voices) == 54
    assert Counter(voice.languages[0] for voice in voices.values()) == {
        "en-us": 20, "en-gb": 8, "es": 3, "fr-fr": 1, "hi": 4, "it": 2, "ja": 5, "pt-br": 3, "zh": 8,
    }  # fmt: skip
    heart, fable = voices["af_heart"], voices["bm_fable"]
    assert (heart.name, heart.gender, heart.languages, heart.licence) == (
        "Heart", "female", ("en-us",), "Apache-2.0",
    )  # fmt: skip
    assert (fable.gender, fable.languages) == ("male", ("en-gb",))


def test_a_style_depends_on_length_and_a_blend_is_the_mean(book: VoiceBook) -> None:
    heart = Voice("af_heart", "kokoro", "Heart")
    onyx = Voice("am_onyx", "kokoro", "Onyx")
    blend = Voice("mine", "kokoro", "Mine", kind="blend", blend=(("af_heart", 0.25), ("am_onyx", 0.75)))
    assert book.style(heart, 10).shape == (1, 256)
    assert not np.allclose(book.style(heart, 10), book.style(heart, 300))
    np.testing.assert_array_equal(book.style(heart, 0), book.style(heart, 1))
    np.testing.assert_array_equal(book.style(heart, 10_000), book.style(heart, 510))
    np.testing.assert_allclose(
        book.style(blend, 40), 0.25 * book.style(heart, 40) + 0.75 * book.style(onyx, 40), atol=1e-5
    )


def test_an_unknown_voice_is_named(book: VoiceBook) -> None:
    with pytest.raises(NotFound, match="af_hart"):
        book.style(Voice("af_hart", "kokoro", "Hart"), 10)


@pytest.mark.parametrize(
    ("asked", "own", "spoken"),
    [
        ("en", "en-us", "en-us"),
        ("en", "en-gb", "en-gb"),
        ("en", "es", "en-us"),
        ("en-GB", "en-us", "en-gb"),
        ("en_us", "en-gb", "en-us"),
        ("en-au", "en-gb", "en-gb"),
        ("fr", "en-us", "fr-fr"),
        ("pt-pt", "en-us", "pt-br"),
        ("zh-cn", "zh", "zh"),
    ],
)
def test_languages(asked: str, own: str, spoken: str) -> None:
    assert resolve_language(asked, own) == spoken


def test_an_unknown_language_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidRequest) as error:
        resolve_language("tlh", "en-us")
    assert error.value.param == "language"
    assert all(language in error.value.message for language in LANGUAGES)
