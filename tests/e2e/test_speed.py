"""Speed 0.25 to 4: as long as it should be, at the same pitch, in the same words."""

from __future__ import annotations

import numpy as np
import pytest

from server.audio.chunk import AudioChunk
from server.audio.effects import TimeStretch
from tests import listen
from tests.e2e.pitch import median_pitches
from tests.e2e.real import RATE, Takes
from tests.e2e.sentences import DOOR, WEATHER

pytestmark = pytest.mark.e2e

VOICES = ("nova", "onyx")
"""A woman and a man: what stretches well at 160 Hz need not at 85."""
SPEEDS = (0.25, 0.5, 2.0, 4.0)
TEXTS = (WEATHER, DOOR)


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("voice", VOICES)
def test_length(takes: Takes, voice: str, speed: float) -> None:
    usual, changed = (sum(len(takes.say(text, voice, each)) for text in TEXTS) for each in (1.0, speed))
    assert changed == pytest.approx(usual / speed, rel=0.03)


@pytest.mark.parametrize("speed", SPEEDS)
@pytest.mark.parametrize("voice", VOICES)
def test_pitch(takes: Takes, voice: str, speed: float) -> None:
    for text in TEXTS:
        usual, changed = median_pitches(takes.say(text, voice), takes.say(text, voice, speed), RATE)
        assert changed == pytest.approx(usual, rel=0.03)


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0])
@pytest.mark.parametrize("voice", VOICES)
def test_words(takes: Takes, voice: str, speed: float) -> None:
    assert errors(takes, voice, speed) <= errors(takes, voice, 1.0) + 0.02


@pytest.mark.parametrize("voice", VOICES)
def test_words_at_four_times_the_speed_are_there_when_slowed_back(takes: Takes, voice: str) -> None:
    """Half of what was said is not in the sound any more; nothing is readable as it is."""
    assert errors(takes, voice, 4.0, slowed=True) <= 0.4


def errors(takes: Takes, voice: str, speed: float, slowed: bool = False) -> float:
    """Share of wrong words over both sentences."""
    sounds = [takes.say(text, voice, speed) for text in TEXTS]
    heard = [listen.transcribe(slow(sound, speed) if slowed else sound, RATE) for sound in sounds]
    return listen.word_error_rate(" ".join(TEXTS), " ".join(heard))


def slow(sound: np.ndarray, speed: float) -> np.ndarray:
    stretch = TimeStretch(RATE, 1 / speed)
    return np.concatenate([stretch.push(AudioChunk(sound, RATE)).samples, stretch.flush().samples])
