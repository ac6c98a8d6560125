"""The text of a narration whose voices cannot be looked up just then: a refused push changes nothing."""

from __future__ import annotations

import asyncio

import pytest

from server.errors import Unavailable
from server.speech.narration_text import NarrationText
from server.text.pipeline import PushPipeline

pytestmark = pytest.mark.unit


class Opener:
    """Makes pipelines, unless it is told not to."""

    def __init__(self) -> None:
        self.is_loading = False

    def __call__(self, spoken: str, coming: str) -> PushPipeline:
        if self.is_loading:
            raise Unavailable("The engine is still loading.", retry_after=5)
        return PushPipeline(context=spoken)


def said(text: NarrationText) -> list[str]:
    return [spoken.piece.text for spoken in text.waiting]


def test_the_first_push_can_be_repeated() -> None:
    async def run() -> list[str]:
        opener = Opener()
        text = NarrationText(opener, 1000)
        opener.is_loading = True
        with pytest.raises(Unavailable):
            await text.push(0, "One here. Two here.", final=True)
        assert (text.length, text.final) == (0, False)
        opener.is_loading = False
        await text.push(0, "One here. Two here.", final=True)
        return said(text)

    assert asyncio.run(run()) == ["One here.", "Two here."]


def test_a_change_can_be_repeated_and_what_was_there_is_spoken_until_then() -> None:
    async def run() -> list[str]:
        opener = Opener()
        text = NarrationText(opener, 1000)
        await text.push(0, "One here. Two here. Three 😀 is", final=False)
        assert text.take().piece.text == "One here."
        opener.is_loading = True
        for change, final in (("Four is here.", False), ("", True)):
            with pytest.raises(Unavailable):
                await text.push(20, change, final)
            assert (text.length, text.final) == (31, False)
            assert said(text) == ["Two here."]
        await text.push(31, " here. And", final=False)
        assert said(text) == ["Two here.", "Three is here."]
        opener.is_loading = False
        await text.push(20, "Four is here.", final=True)
        return said(text)

    assert asyncio.run(run()) == ["Two here.", "Four is here."]
