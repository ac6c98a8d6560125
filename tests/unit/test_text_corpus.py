"""Every message of the corpus is spoken as a person would want it."""

from __future__ import annotations

import re

import pytest

from tests.corpus import Message, load_corpus

pytestmark = pytest.mark.unit

CORPUS = load_corpus()


@pytest.mark.parametrize("message", CORPUS, ids=lambda m: m.id)
def test_words_and_roles(message: Message) -> None:
    assert message.actually_spoken() == message.spoken


def test_the_corpus_is_large_and_wide() -> None:
    assert len(CORPUS) >= 150
    assert len({m.id for m in CORPUS}) == len(CORPUS)
    assert len({m.text for m in CORPUS}) == len(CORPUS)
    assert len({m.options.get("language", "en") for m in CORPUS}) >= 8


def test_messages_to_listen_to() -> None:
    listened = [m for m in CORPUS if m.listen]
    assert len(listened) == 24
    for message in listened:
        assert message.options.get("language", "en") == "en"
        words = set(re.findall(r"[\w'-]+", message.expected_text.lower()))
        assert message.heard
        assert {w.lower() for w in (*message.heard, *message.invented)} <= words, message.id
