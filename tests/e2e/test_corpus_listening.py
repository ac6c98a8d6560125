"""Chat messages by ear: no worse than the same engine reading what a person has written out for it."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests import listen
from tests.corpus import Message, load_corpus
from tests.e2e.real import RATE, Takes
from tests.spelt import said

pytestmark = pytest.mark.e2e

LISTENED = [message for message in load_corpus() if message.listen]
SOME = LISTENED[::3]
"""Of every kind one; all of them take three minutes on two cores."""
EAR = 10 ** (-40 / 20)


@pytest.mark.parametrize(
    "messages", [pytest.param(SOME, id="some"), pytest.param(LISTENED, id="all", marks=pytest.mark.long)]
)
def test_messages_are_understood_as_well_as_their_written_out_form(
    takes: Takes, messages: list[Message]
) -> None:
    ours = floor = count = 0
    unheard: dict[str, tuple[list[str], str]] = {}
    for message in messages:
        plain = re.sub(r"<[\d.]+ s>", " ", message.expected_text)
        wanted = listen.words(said(plain))
        heard = listen.words(said(listen.transcribe(takes.say(message.text), RATE)))
        ours += errors(wanted, heard, message.invented)
        floor += errors(wanted, listen.words(said(listen.transcribe(takes.say(plain), RATE))), message.invented)
        count += len(wanted) - len(message.invented)
        listed = [word for item in message.heard for word in listen.words(item)]
        if missing := [word for word in listed if word not in heard]:
            unheard[message.id] = (missing, " ".join(heard))
    assert ours / count <= floor / count + 0.01
    assert not unheard


def errors(wanted: list[str], heard: list[str], invented: tuple[str, ...]) -> int:
    """Wrong, missing and added words; of an invented name any spelling is right."""
    free = {word for name in invented for word in listen.words(name)}
    row = list(range(len(heard) + 1))
    for i, word in enumerate(wanted, 1):
        cost = 0 if word in free else 1
        previous, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            previous, row[j] = row[j], min(row[j] + cost, row[j - 1] + 1, previous + cost * (word != other))
    return row[-1]


STORY = """The storm rolled in from the sea. "Close the shutters!" she said, lifting the lantern. Will it be here soon?

Nobody knew; nobody asked. They sat by the fire and waited for the morning.

*Then a knock.* Who could that be?"""
"""Four pieces: one ends with a sentence, two with a paragraph."""


@pytest.mark.parametrize("voice", ["nova", "onyx"])
def test_pieces_join_without_click_or_gap(takes: Takes, voice: str) -> None:
    sound = takes.say(STORY, voice)
    joins = silences(sound)
    for start, end in joins:
        # What is faded out and in meets the silence without a jump.
        assert np.abs(np.diff(sound[start - 48 : end + 48])).max() < EAR
    after_sentence, *after_paragraphs = (quiet_around(sound, start, end) for start, end in joins)
    assert 0.06 <= after_sentence < min(after_paragraphs)
    assert len(after_paragraphs) == 2
    assert max(after_paragraphs) <= 0.7


def silences(sound: np.ndarray) -> list[tuple[int, int]]:
    """Stretches of exact silence between sounds: what the server puts between pieces, and no model makes."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (sound == 0).astype(int), [0]])))
    runs = [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return [(start, end) for start, end in runs if end - start > 0.01 * RATE and start > 0 and end < len(sound)]


def quiet_around(sound: np.ndarray, start: int, end: int) -> float:
    """Seconds from the last sample that can be heard before a silence to the first behind it."""
    before = np.flatnonzero(np.abs(sound[:start]) > EAR)[-1]
    after = end + np.flatnonzero(np.abs(sound[end:]) > EAR)[0]
    return float(after - before) / RATE
