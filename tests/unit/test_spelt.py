"""What a recogniser writes, in words."""

from __future__ import annotations

import pytest

from tests.listen import words
from tests.spelt import said

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("It cost $3.50.", "it cost three dollars fifty cents"),
        ("a $5 million house, £5 million", "a five million dollars house five million pounds"),
        ("at 10:05 AM", "at ten oh five am"),
        ("at 10.05am and 3pm", "at ten oh five am and three pm"),
        ("at 11:45 p.m. or 3:00", "at eleven forty five pm or three"),
        ("see you at 10.30.", "see you at ten thirty"),
        ("version 2.1.3 of 3.11", "version two point one point three of three point one one"),
        ("in the 1990s", "in the nineteen nineties"),
        ("mary@example.com", "mary at example dot com"),
        ("C++, C# and 5+", "c plus plus c sharp and five"),
        ("call 555-1234", "call five five five one two three four"),
        ("1/2 or 3/4 or ½", "one half or three quarters or one half"),
        ("He is 6'2\" tall", "he is six foot two tall"),
        ("5-10 at -5°C", "five to ten at minus five degrees celsius"),
        ("3 km with 5kg", "three kilometers with five kilograms"),
        ("on May 5, 2024", "on may fifth twenty twenty four"),
        ("Henry VIII, Louis XIV", "henry the eighth louis the fourteenth"),
        ("on Elm St. I am, etc.", "on elm street i am et cetera"),
    ],
)
def test_words(written: str, spoken: str) -> None:
    assert words(said(written)) == spoken.split()
