"""Pieces: their ranges in the original word by word, pauses, phonemes, and what is joined."""

from __future__ import annotations

import re

import pytest

from server.text.options import TextOptions
from server.text.piece import PhonemeSpan, Piece
from server.text.pipeline import PushPipeline, TextPipeline
from server.text.roles import RoleRules
from server.text.traced import Traced

pytestmark = pytest.mark.unit


def pieces(text: str, **options: str) -> list[Piece]:
    return TextPipeline(TextOptions(**options)).pieces(text)  # type: ignore[arg-type]


def words(text: str, piece: Piece) -> list[tuple[str, str]]:
    """Each spoken word with what was written for it."""
    return [(piece.text[s.start : s.end], text[s.source_start : s.source_end]) for s in piece.sources]


def test_each_word_knows_its_origin() -> None:
    text = "Dr. Lee paid **$3.50** &amp; left."
    (piece,) = pieces(text)
    assert piece.text == "Doctor Lee paid three dollars and fifty cents and left."
    assert words(text, piece) == [
        ("Doctor", "Dr."),
        ("Lee", "Lee"),
        ("paid", "paid"),
        *((word, "$3.50") for word in ("three", "dollars", "and", "fifty", "cents")),
        ("and", " &amp; "),
        ("left.", "left."),
    ]
    assert (piece.start, piece.end) == (0, len(text))


def test_word_ranges_through_joined_pieces() -> None:
    text = "*Hi!* I am *Bob*. See [this](http://x.org) now."
    joined = pieces(text)
    assert [w for p in joined for w in words(text, p)] == [
        ("Hi!", "Hi!"), ("I", "I"), ("am", "am"), ("Bob.", "Bob*."), ("See", "See"), ("this", "this"), ("now.", "now."),
    ]  # fmt: skip


def test_each_role_is_read_in_its_own_language() -> None:
    text = '*Son las 3. Pesa 21 kg. El Sr. 5 % Ruiz & yo.* "It is 3 kg. Here is Dr. Lee & 5 % of 21."\n'
    text += "Bob: Nr. 3 & der 3. Mai.\n*Fin.*"
    languages = {"narrator": "es", "Bob": "de"}
    said = [
        ("narrator", "Son las tres."),
        ("narrator", "Pesa veintiuno kilos."),
        ("narrator", "El señor cinco por ciento Ruiz y yo."),
        ("character", "It is three kilograms."),
        ("character", "Here is Doctor Lee and five percent of twenty-one."),
        ("Bob", "Nummer drei und der dritte Mai."),
        ("narrator", "Fin."),
    ]
    whole = PushPipeline(cast={"Bob": "Bob"}, languages=languages)
    assert [(s.role, s.piece.text) for s in (*whole.add(text), *whole.finish())] == said
    grown = PushPipeline(cast={"Bob": "Bob"}, languages=languages)
    pieces = [piece for char in text for piece in grown.add(char)]
    assert [(s.role, s.piece.text) for s in (*pieces, *grown.finish())] == said


def test_offsets_do_not_count_the_context() -> None:
    pipeline = PushPipeline(context='She said "wait ')
    (spoken,) = (*pipeline.add('here" and'), *pipeline.finish())[:1]
    assert (spoken.piece.text, spoken.piece.start) == ("here and", 0)
    pipeline = PushPipeline(rules=RoleRules(unmarked="narrator"), context='She said "wait *')
    assert [(s.role, s.piece.text) for s in (*pipeline.add('here*" and'), *pipeline.finish())] == [
        ("character", "here"),
        ("narrator", "and"),
    ]


def test_context_may_end_in_reasoning() -> None:
    pipeline = PushPipeline(context="<think>What should I")
    assert [s.piece.text for s in (*pipeline.add(" say?</think>Hello."), *pipeline.finish())] == ["Hello."]


def test_reasoning_that_the_prompt_began() -> None:
    assert [p.text for p in pieces("I should greet.\n</think>\nHello.")] == ["Hello."]
    assert [p.text for p in pieces("&lt;think&gt;a&lt;/think&gt;Hello.", markup="html")] == ["Hello."]


def test_pauses_follow_the_marks() -> None:
    text = "# Title\nOne. Two… Three\n\n- item\n- item\n\nLast."
    pushed = PushPipeline()
    pauses = {s.piece.text: s.piece.pause_after for s in (*pushed.add(text), *pushed.finish())}
    assert pauses["One."] == 0.3
    assert pauses["Title"] == 0.42
    assert pauses["Three"] == 0.55
    assert pauses["Last."] == 0.0
    assert all(p == 0.0 or 0.06 <= p <= 0.7 for p in pauses.values())


def test_pauses_that_were_asked_for() -> None:
    asked = [(p.text, p.pause_after) for p in pieces("[pause:1s]One[pause:250ms] two. [pause:99] [pause]")]
    assert asked == [("", 1.0), ("One", 0.0), ("", 0.25), ("two.", 0.0), ("", 10.0), ("", 1.0)]
    assert sum(p.pause_after for p in pieces("[pause:10s] " * 9)) == 60.0


def test_phonemes_for_a_word() -> None:
    text = "Say [Siân](/ʃɑːn/), please."
    (piece,) = pieces(text)
    assert piece.text == "Say Siân, please."
    assert piece.phonemes == (PhonemeSpan(4, 8, "ʃɑːn"),)
    assert words(text, piece)[1] == ("Siân,", "[Siân](/ʃɑːn/),")
    assert pieces("[docs](/en/latest/) here")[0].phonemes == ()


def test_phonemes_move_with_the_pieces_they_are_joined_to() -> None:
    (piece,) = pieces("One. Two. [Siân](/ʃɑːn/).")
    (span,) = piece.phonemes
    assert piece.text[span.start : span.end] == "Siân"


def test_paragraphs_are_not_joined() -> None:
    assert [p.text for p in pieces("One. Two.\n\nThree.")] == ["One. Two.", "Three."]


def test_silent_roles_leave_a_gap_in_the_ranges_only() -> None:
    pipeline = PushPipeline(rules=RoleRules(skip=frozenset({"actions"})))
    text = "One. *He nods.* Two."
    ranges = [(s.piece.start, s.piece.end) for s in (*pipeline.add(text), *pipeline.finish())]
    assert [text[a:b] for a, b in ranges] == ["One.", "Two."]


def test_replacing_keeps_the_ranges() -> None:
    traced = Traced.plain("a bc d").sub(re.compile("bc"), "xyz").sub(re.compile("d"), "")
    assert traced.text == "a xyz "
    assert traced.ranges == ((0, 1), (1, 2), (2, 4), (2, 4), (2, 4), (4, 5))
    assert traced.unwrap(re.compile(r"x(y)z")).ranges == ((0, 1), (1, 2), (2, 4), (4, 5))
    assert traced.sub(re.compile("(?=x)"), "-") is traced


def test_a_picture_within_the_text_is_not_read() -> None:
    assert [p.text for p in pieces(f'See: <img src="data:image/png;base64,{"A" * 9000}"> Nice, isn\'t it?')] == [
        "See: Nice, isn't it?"
    ]


def test_what_looks_like_a_tag_is_read_after_a_while() -> None:
    assert [p.text for p in pieces("if a <b then\nstop.")] == ["if a b then stop."]
    assert len(pieces("x <b" + " word" * 1000)[0].text) > 10
