"""Utterances: nothing is lost when they are cut, and words keep their times and places."""

from __future__ import annotations

import numpy as np
import pytest

from server.engines.kokoro.utterance import Unit, boundaries, split, tokens_of, unit, word_times
from server.engines.kokoro.vocabulary import NUMBERS, from_ipa, numbers_of

pytestmark = pytest.mark.unit


def words(*phonemes: str) -> list[Unit]:
    units, at = [], 0
    for sounds in phonemes:
        units.append(unit(sounds, at, at + len(sounds), any(symbol.isalpha() for symbol in sounds)))
        at += len(sounds)
    return units


def said(utterances: list[list[Unit]]) -> list[str]:
    return ["".join(part.phonemes for part in utterance) for utterance in utterances]


def test_the_vocabulary_is_the_models() -> None:
    assert len(NUMBERS) == 114
    assert numbers_of("hˈɛlO wˈɜɹld.") == [50, 156, 86, 54, 31, 16, 65, 156, 87, 123, 54, 46, 4]
    assert numbers_of("h❓i") == numbers_of("hi")


@pytest.mark.parametrize(
    ("ipa", "english", "symbols"),
    [
        ("həˈloʊ", True, "həˈlO"),
        ("/ˈt͡ʃaɪ/", True, "ˈʧI"),
        ("rɛd", True, "ɹɛd"),
        ("ˈpero", False, "ˈpero"),
        ("dʒɔɪ", True, "ʤY"),
        ("bɝd", True, "bɜɹd"),
    ],
)
def test_ipa_in_the_models_symbols(ipa: str, english: bool, symbols: str) -> None:
    assert from_ipa(ipa, english) == symbols


@pytest.mark.parametrize(
    ("units", "limit", "expected"),
    [
        (words("ab ", "cd ", "ef"), 10, ["ab cd ef"]),
        (words("ab", ", ", "cd ", "ef ", "kh"), 8, ["ab, ", "cd ef kh"]),
        (words("ab", ". ", "cd", ", ", "ef ", "kh"), 10, ["ab. cd, ", "ef kh"]),
        (words("abc", "de", ". ", "cd", ", ", "ef ", "kh"), 12, ["abcde. ", "cd, ef kh"]),
        (words("ab ", "cd ", "ef ", "kh"), 7, ["ab cd ", "ef kh"]),
        (words("abcdefkh"), 3, ["abc", "def", "kh"]),
        (words("  "), 10, []),
    ],
    ids=["fits", "comma", "late comma", "full stop first", "between words", "inside a word", "silence"],
)
def test_cuts(units: list[Unit], limit: int, expected: list[str]) -> None:
    assert said(split(units, limit)) == expected


def test_long_text_loses_nothing() -> None:
    units = words(*(f"w{'a' * (number % 7)} " for number in range(400)))
    utterances = split(units, 100)
    assert "".join(said(utterances)) == "".join(part.phonemes for part in units)
    assert all(len(tokens_of(utterance)) <= 100 for utterance in utterances)


def test_word_times() -> None:
    units = words("ab ", "cd", ".")
    durations = np.array([10, 2, 3, 1, 4, 5, 6, 7], np.float32)  # pads at both ends
    first, second = word_times(units, durations)
    assert (first.start, first.end) == pytest.approx((0.25, 0.375))
    assert (second.start, second.end) == pytest.approx((0.4, 0.625))
    assert (second.text_start, second.text_end) == (3, 5)
    assert boundaries(units, durations) == [32, 50]
