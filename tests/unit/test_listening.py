"""The judges themselves: a fair count of wrong words, a checkpoint read without torch, whose minutes are whose."""

from __future__ import annotations

import numpy as np
import pytest

from tests.listen import resample, similarity, speaker_embedding, word_error_rate, words
from tests.minutes import BUDGET, part_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Mr. Smith's 3rd dog—it's OK!", "mister smiths third dog its okay"),
        (
            "It cost $25, or 1,250 in 1984.",
            "it cost twenty five dollars or one thousand two hundred and fifty in nineteen eighty four",
        ),
        ("3.5 % & 50% more", "three point five and fifty percent more"),
    ],
)
def test_spelling_does_not_count(written: str, heard: str) -> None:
    assert words(written) == heard.split()


@pytest.mark.parametrize(
    ("heard", "rate"),
    [
        ("one two three four", 0.0),
        ("one too three four", 0.25),
        ("one three four", 0.25),
        ("one two three four five", 0.25),
        ("", 1.0),
    ],
)
def test_wrong_missing_and_added_words_count(heard: str, rate: float) -> None:
    assert word_error_rate("One, two, three, four.", heard) == rate


def test_a_tone_survives_another_rate() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(24_000) / 24_000)
    expected = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.abs(resample(tone, 24_000, 16_000) - expected).max() < 1e-3


def test_an_embedding_knows_a_sound_again() -> None:
    noise = np.random.default_rng(1)
    low, high = (np.cumsum(noise.standard_normal(48_000)) * 1e-3, noise.standard_normal(48_000) * 0.1)
    embeddings = [speaker_embedding(sound, 16_000) for sound in (low * 1e-3, low * 2e-3, high)]
    assert np.linalg.norm(embeddings[0]) == pytest.approx(1)
    assert similarity(embeddings[0], embeddings[1]) > 0.99
    assert similarity(embeddings[0], embeddings[2]) < 0.9


@pytest.mark.parametrize(
    ("file", "part"),
    [
        ("tests/unit/test_bootstrap_state.py", "server"),
        ("tests/unit/test_text_pipeline.py", "text"),
        ("tests/host/test_tgwui_hooks.py", "web UI"),
        ("tests/api/test_alltalk_speech.py", "SillyTavern"),
        ("tests/e2e/test_studio_pages.py", "studio"),
        ("tests/contract/test_coqui_speech.py", "GPU and cloning"),
    ],
)
def test_minutes_go_to_the_part_a_file_is_named_after(file: str, part: str) -> None:
    assert part_of(file) == part
    assert part in BUDGET
