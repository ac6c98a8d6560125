"""Offsets as browsers count them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.speech.utf16 import Utf16Text

pytestmark = pytest.mark.unit

TEXTS = st.text(st.sampled_from("ab é😀𝒳\n"), max_size=30)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@given(TEXTS, st.lists(st.integers(1, 4), max_size=60))
def test_text_cut_anywhere_even_inside_a_character_arrives_whole(text: str, cuts: list[int]) -> None:
    encoded = text.encode("utf-16-le")
    held, at = Utf16Text(), 0
    for size in [*cuts, len(encoded)]:
        held.append(encoded[at * 2 : (at + size) * 2].decode("utf-16-le", "surrogatepass"))
        at += size
    assert held.text == text
    assert held.units == units(text)


@given(TEXTS)
def test_offsets_convert(text: str) -> None:
    held = Utf16Text()
    held.append(text)
    for point in range(len(text) + 1):
        assert held.to_units(point) == units(text[:point])


@given(TEXTS, st.integers(0, 60))
def test_a_cut_keeps_the_front(text: str, at: int) -> None:
    held = Utf16Text()
    held.append(text)
    at = min(at, held.units)
    held.cut(at)
    assert held.units == at
    assert text.startswith(held.text)


def test_a_lone_surrogate_in_the_middle_becomes_the_replacement_character() -> None:
    held = Utf16Text()
    held.append("a\ud83d")
    held.append("b")
    assert held.text == "a\ufffdb"
