"""Sentences: where they end and where they do not, and how soon that is known."""

from __future__ import annotations

import pytest

from server.text.sentences import SentenceSplitter

pytestmark = pytest.mark.unit


def split(text: str, language: str = "en", **limits: int) -> list[str]:
    splitter = SentenceSplitter(language, **limits)
    return [s.text for s in (*splitter.add(text), *splitter.finish())]


CASES = [
    ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
    ("Dr. Smith met Mr. Fox.", ["Dr. Smith met Mr. Fox."]),
    ("She lives on Elm St. He knows.", ["She lives on Elm St.", "He knows."]),
    ("He went to St. Louis.", ["He went to St. Louis."]),
    ("J. R. R. Tolkien wrote it.", ["J. R. R. Tolkien wrote it."]),
    ("So do I. He left.", ["So do I.", "He left."]),
    ("Take vitamin C. It helps.", ["Take vitamin C.", "It helps."]),
    ("It was Plan B. Nobody liked it.", ["It was Plan B.", "Nobody liked it."]),
    ("No. 5 is alive.", ["No. 5 is alive."]),
    ("No. I refuse.", ["No.", "I refuse."]),
    ("It costs 3.50 today. 5 is less.", ["It costs 3.50 today.", "5 is less."]),
    ("Apples, pears, etc. are sold. Etc. etc.", ["Apples, pears, etc. are sold.", "Etc. etc."]),
    ("We have cats, etc. They purr.", ["We have cats, etc.", "They purr."]),
    ("At 5 p.m. Bring cake.", ["At 5 p.m.", "Bring cake."]),
    ("At 5 p.m. sharp.", ["At 5 p.m. sharp."]),
    ("The U.S. Army left the U.S. The end.", ["The U.S. Army left the U.S.", "The end."]),
    ("He works for Fox Inc. in Rome. Fox Inc. The firm.", ["He works for Fox Inc. in Rome.", "Fox Inc.", "The firm."]),
    ('"Stop!" she said. "Why?" He ran.', ['"Stop!" she said.', '"Why?"', "He ran."]),
    ("(He left.) She stayed.", ["(He left.)", "She stayed."]),
    ("Well... maybe. Well... Maybe.", ["Well... maybe.", "Well...", "Maybe."]),
    ("What?! No!!! Yes.", ["What?!", "No!!!", "Yes."]),
    ("See example.com. Or not.", ["See example.com.", "Or not."]),
    ("Line one\nLine two\nand on", ["Line one", "Line two\nand on"]),
    ("Great 🎉 Now go 🎉 home", ["Great 🎉", "Now go 🎉 home"]),
    ("I ❤️ you. Do you?", ["I ❤️ you.", "Do you?"]),
    ("Yes.No.", ["Yes.No."]),
    ("Yes!No.", ["Yes!", "No."]),
    ("", []),
    (" \n ", []),
]


@pytest.mark.parametrize(("text", "sentences"), CASES)
def test_english(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


@pytest.mark.parametrize(("language", "text", "sentences"), [
    ("de", "Am 3. Oktober kam er. Dr. Weber auch.", ["Am 3. Oktober kam er.", "Dr. Weber auch."]),
    ("de", "Der 1. FC gewann.", ["Der 1. FC gewann."]),
    ("de", "Er wurde 3. Sie auch.", ["Er wurde 3.", "Sie auch."]),
    ("fr", "M. Dupont est là. Oui.", ["M. Dupont est là.", "Oui."]),
    ("ja", "はい。「いいえ。」そう！", ["はい。", "「いいえ。」", "そう！"]),
    ("zh", "你好。再见？好", ["你好。", "再见？", "好"]),
    ("hi", "नमस्ते। आप कैसे हैं? ठीक", ["नमस्ते।", "आप कैसे हैं?", "ठीक"]),
    ("ar", "مرحبا. كيف حالك؟ بخير", ["مرحبا.", "كيف حالك؟", "بخير"]),
    ("ru", "Да. Нет. т.е. так", ["Да.", "Нет. т.е. так"]),
])  # fmt: skip
def test_other_languages(language: str, text: str, sentences: list[str]) -> None:
    assert split(text, language) == sentences


@pytest.mark.parametrize(("text", "next_character"), [
    ("Hello there. ", "H"), ("Really?! ", "Y"), ("He left.) ", "S"), ("Line\n", "N"), ("At 5 p.m. ", "B"),
    ("你好。", "再"),
])  # fmt: skip
def test_a_sentence_is_out_with_the_first_character_behind_it(text: str, next_character: str) -> None:
    splitter = SentenceSplitter()
    assert splitter.add(text) == []
    assert [s.text for s in splitter.add(next_character)] == [text.strip()]


def test_gaps() -> None:
    splitter = SentenceSplitter()
    text = "One. Two.\u2029Three\u2028Four"
    assert [s.gap for s in (*splitter.add(text), *splitter.finish())] == ["sentence", "paragraph", "line", "end"]


def test_the_first_sentence_is_cut_early_at_a_clause() -> None:
    first = "When the morning came, she had already packed all she owned into a small bag, and left the house."
    text = f"{first} Then, as always, it rained."
    assert split(text, first_limit=40) == [
        "When the morning came,",
        "she had already packed all she owned into a small bag, and left the house.",
        "Then, as always, it rained.",
    ]


def test_no_sentence_is_longer_than_the_limit() -> None:
    words = "word " * 200
    assert max(map(len, split(words, limit=100))) <= 100
    assert " ".join(split(words, limit=100)).split() == words.split()
    assert max(map(len, split("字" * 500, "zh", limit=100))) <= 50
    assert "".join(split("字" * 500, "zh", limit=100)) == "字" * 500


def test_numbers_are_not_clauses() -> None:
    text = "On the evening of May 5, 2024 the whole town had come together to see it, and nobody spoke."
    assert split(text, first_limit=30) == [
        "On the evening of May 5, 2024 the whole town had come together to see it,",
        "and nobody spoke.",
    ]
