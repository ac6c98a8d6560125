"""Properties of the text pipeline: push equals whole, ranges cover the text, no word glued or lost."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.text.options import TextOptions
from server.text.pipeline import PushPipeline, SpokenPiece, TextPipeline
from server.text.roles import RoleRules
from tests.corpus import Message, load_corpus

pytestmark = pytest.mark.unit

CORPUS = load_corpus()
TRICKY = [
    "*", "**", "***", "_", '"', "“", "”", "«", "»", "「", "」", "'", "’", "`", "```", "~", "~~", "\n",
    "\n\n", "# ", "- ", "* ", "1. ", "> ", "| ", "|---|", "[", "]", "(", ")", "](", "[pause:1s]",
    "[x](/ˈeks/)", "<", ">", "<br>", "<b>", "</b>", "<think>", "</think>", "&quot;", "&amp;", "&lt;",
    "&", "!", "?", ".", "...", "…", ", ", "; ", ": ", " - ", "—", " ", "  ", "Dr. ", "No. 5", "U.S. ",
    "p.m. ", "J. R. ", "5'10\"", '6"', "2 * 3", "f*ck", "Anna: ", "Hello", "world", "there. ", "How ",
    "are you? ", "I ", "3.14", "https://example.com/a_b", "😊", "。", "你好", "、", "\\*", "<3", ":) ",
    "[sighs]", "![alt](u)", "\t", "\r\n", "\u2028", "\U000f0001", "<|channel|>analysis<|message|>",
    "<|end|>",
]  # fmt: skip
BETWEEN = (" *", "* ", ' "', '" ', " (", ") ", ": ")
MESSY = st.lists(st.one_of(st.sampled_from(TRICKY), st.text(max_size=4)), max_size=40).map("".join)
RULES = st.builds(
    RoleRules,
    unmarked=st.sampled_from(["character", "narrator", "silent"]),
    skip=st.frozensets(st.sampled_from(["actions", "speech"])),
    split=st.booleans(),
)
CAST = {"Anna": "Anna", "Bob Lee": "Bob Lee", "You": "user"}


def whole(text: str, **arguments: object) -> list[SpokenPiece]:
    return pushed([text], **arguments)


def pushed(parts: list[str], **arguments: object) -> list[SpokenPiece]:
    pipeline = PushPipeline(**arguments)  # type: ignore[arg-type]
    spoken = [piece for part in parts for piece in pipeline.add(part)]
    return spoken + pipeline.finish()


def cut(text: str, seed: int) -> list[str]:
    rng = random.Random(seed)
    parts = []
    while text:
        size = rng.choice((1, 1, 2, 3, 5, 8, 13, 40))
        parts.append(text[:size])
        text = text[size:]
    return parts


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=MESSY, rules=RULES, markup=st.sampled_from(["raw", "html", "plain"]), seed=st.integers(0, 2**32))
def test_cuts_make_no_difference(text: str, rules: RoleRules, markup: str, seed: int) -> None:
    arguments = {"options": TextOptions(markup=markup), "rules": rules, "cast": CAST}  # type: ignore[arg-type]
    expected = whole(text, **arguments)
    assert pushed(list(text), **arguments) == expected
    assert pushed(cut(text, seed), **arguments) == expected


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=MESSY, rules=RULES)
def test_ranges_are_ordered_and_within_the_text(text: str, rules: RoleRules) -> None:
    done = 0
    for spoken in whole(text, rules=rules):
        piece = spoken.piece
        assert done <= piece.start < piece.end <= len(text)
        done = piece.end
        for source in piece.sources:
            assert 0 <= source.start < source.end <= len(piece.text)
            assert piece.start <= source.source_start < source.source_end <= piece.end
        assert [s.start for s in piece.sources] == sorted(s.start for s in piece.sources)


@settings(max_examples=200, deadline=None)
@given(
    words=st.lists(st.text(string.ascii_lowercase, min_size=2, max_size=9), min_size=1, max_size=60),
    marks=st.lists(
        st.sampled_from([" ", ", ", ". ", "! ", "... ", " — ", "\n", "\n\n", *BETWEEN]),
        min_size=60,
        max_size=60,
    ),
)  # fmt: skip
def test_no_word_is_glued_or_lost(words: list[str], marks: list[str]) -> None:
    """Every word is spoken as a word of its own, in order, and points at where it was written."""
    words = [word + "q" for word in words]  # no abbreviation, numeral or stage direction by accident
    text = "".join(word + mark for word, mark in zip(words, marks, strict=False))
    options = TextOptions(stretched=False, kaomoji=False)
    spoken, written = [], []
    for piece in whole(text, options=options):
        for source in piece.piece.sources:
            spoken.append(piece.piece.text[source.start : source.end].strip(string.punctuation + "…—"))
            written.append(text[source.source_start : source.source_end].strip(string.punctuation + "…—\n "))
    assert spoken == words
    assert written == words


@pytest.mark.parametrize("message", CORPUS, ids=lambda m: m.id)
def test_a_message_is_the_same_character_by_character(message: Message) -> None:
    assert pushed(list(message.text), **message.arguments()) == whole(message.text, **message.arguments())


@pytest.mark.parametrize("size", [1, 7, 20_000])
def test_work_grows_with_the_text_only(size: int) -> None:
    """Steps of the stages for 20,000 characters, counted: no stage looks at old text again and again."""
    unit = 'He said "go *now* — or `x`" and [left] <b>us</b> 5\'10" tall & well. '
    text = (unit * (20_000 // len(unit) + 1))[:20_000]
    fed = 0
    pipeline = PushPipeline()
    feed = pipeline._sentences._feed

    def counted(glyph: object) -> None:
        nonlocal fed
        fed += 1
        feed(glyph)  # type: ignore[arg-type]

    pipeline._sentences._feed = counted  # type: ignore[assignment]
    for start in range(0, len(text), size):
        pipeline.add(text[start : start + size])
    pipeline.finish()
    assert len(text) * 0.5 < fed < len(text) * 4


HOSTILE = [
    *"：[<*\"`&.a!(1-\n\\😊~", "| ", "> ", "# ", "[a](", "<a ", "_a", "1,", "I.", "a.b", "![", "[![",
    "Dr. ", ". ", "a, ",
    ":)", "(^", "1-", "www.", "a@", "x/", "$1 ", "1:", "1/", "+1 ", "A. ", "' ", "- ", "IV ", "1 x ",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_comes_to_an_end(unit: str) -> None:
    """A pattern that backtracks without bound would not come back from this."""
    text = (unit * 6_000)[:6_000]
    spoken = whole(text)
    assert sum(len(s.piece.text) for s in spoken) < 40 * len(text)


def test_the_first_sentence_does_not_wait() -> None:
    pipeline = PushPipeline()
    assert pipeline.add("Hello there. ") == []
    (spoken,) = pipeline.add("H")
    assert spoken.piece.text == "Hello there."


@pytest.mark.parametrize("text", ["...", "😊", "```\ncode\n```", "* * *", "", " \n ", "[sighs]", ":)", '""', "—"])
def test_what_has_no_sound_makes_no_piece(text: str) -> None:
    assert whole(text) == []
    assert TextPipeline().pieces(text) == []


def test_pieces_of_a_long_text_grow() -> None:
    sentence = "The quick brown fox jumps over the lazy dog near the river. "
    sizes = [len(piece.text) for piece in TextPipeline().pieces(sentence * 30)]
    assert sizes[0] <= 60 < sizes[1] <= 220 < sizes[2] <= 400
    assert all(size <= 400 for size in sizes)


def test_the_first_piece_is_never_cut_within_a_clause() -> None:
    text = "Although nobody in the village had seen the old woman smile before that day, she did so then."
    assert TextPipeline().pieces(text)[0].text.endswith("that day,")


def test_sentences_too_long_are_cut_at_clauses() -> None:
    text = "I came, " * 100
    pieces = TextPipeline().pieces(text)
    assert all(len(p.text) <= 400 for p in pieces)
    assert all(p.text.endswith(",") for p in pieces)
