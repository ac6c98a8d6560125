"""What the six mapped voices say, given to a recogniser and to an ear for voices."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests import listen
from tests.e2e.real import RATE, Takes
from tests.e2e.sentences import DOOR, WEATHER

pytestmark = pytest.mark.e2e

SIX = ("alloy", "echo", "fable", "onyx", "nova", "shimmer")
SAME_VOICE, OTHER_VOICE = 0.88, 0.85
"""Seen: 0.93 and more between two sentences of a voice, 0.80 and less between two voices."""


@pytest.mark.parametrize("voice", SIX)
def test_every_word_is_understood(takes: Takes, voice: str) -> None:
    heard = [listen.transcribe(takes.say(text, voice), RATE) for text in (WEATHER, DOOR)]
    assert listen.word_error_rate(f"{WEATHER} {DOOR}", " ".join(heard)) <= 0.05, heard


def test_six_people_are_told_apart(takes: Takes) -> None:
    first, second = (
        {voice: listen.speaker_embedding(takes.say(text, voice), RATE) for voice in SIX} for text in (WEATHER, DOOR)
    )
    for voice in SIX:
        assert listen.similarity(first[voice], second[voice]) > SAME_VOICE, voice
    for one, other in itertools.permutations(SIX, 2):
        assert listen.similarity(first[one], second[other]) < OTHER_VOICE, (one, other)


def test_nothing_is_cut_off_or_too_loud(takes: Takes) -> None:
    for voice in SIX:
        sound = takes.say(WEATHER, voice)
        assert 0.1 < np.abs(sound).max() < 1.0
        # Both edges are quiet and come out of silence.
        assert np.abs(sound[:48]).max() < 0.01
        assert np.abs(sound[-48:]).max() < 0.01
