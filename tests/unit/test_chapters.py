"""Chapters of a long text, and the outline of a sound that grows."""

from __future__ import annotations

import numpy as np
import pytest

from server.speech.chapters import chapters_of
from server.speech.peaks import Peaks

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        ("Just a text.\nOf two lines.", [""]),
        ("# One\nText.\n## Two\nMore.", ["One", "Two"]),
        ("Front.\n\nChapter 1\nText.\n\nCHAPTER 2: The Sea\nMore.", ["", "Chapter 1", "CHAPTER 2: The Sea"]),
        ("Kapitel 3\nText.", ["Kapitel 3"]),
        ("Prologue\nText.\nEpilogue\nText.", ["Prologue", "Epilogue"]),
        ("Part of me wondered.\nBook your seat,", [""]),
        ("#hashtag is no heading\n#### nor is this", [""]),
    ],
)
def test_headings(text: str, titles: list[str]):
    chapters = chapters_of(text)
    assert [chapter.title for chapter in chapters] == titles
    assert "".join(chapter.text for chapter in chapters) == text


def test_the_outline_has_the_loudest_of_each_stretch_and_stays_small():
    peaks = Peaks()
    for _ in range(100):
        peaks.add(np.full(1000, 0.25, np.float32))
    peaks.add(np.full(1000, -0.5, np.float32))
    assert len(peaks.values) == 101_000 // 480
    assert peaks.values[0] == 25
    assert peaks.values[-1] == 50
    for _ in range(100):
        peaks.add(np.full(10_000, 0.125, np.float32))
    assert 400 <= len(peaks.values) <= 800
    assert max(peaks.values) == 50
