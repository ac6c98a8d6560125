"""Lexicon: words that are said another way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.studio.pages import Served, go

pytestmark = pytest.mark.e2e


def test_words_are_said_another_way(open_page: Callable[..., Page], served: Served):
    page, other = open_page(), open_page()
    for each in (page, other):
        go(each, "Lexicon")
    page.locator("#lexicon-add").click()
    words = page.locator("#lexicon-words")
    words.get_by_label("Word", exact=True).fill("Xanthe")
    page.locator("#lexicon-save").click()
    expect(page.locator("#lexicon-notice").get_by_role("alert")).to_contain_text("Say how to say Xanthe")
    words.get_by_label("Say it as").fill("Zan-thee")
    words.get_by_role("button", name="Listen").click()
    expect(words.get_by_role("button", name="Listen")).to_have_attribute("data-state", "playing")
    page.locator("#lexicon-save").click()
    expect(page.locator("#lexicon-notice")).to_contain_text("Saved")
    expect(other.locator("#lexicon-words").get_by_label("Word", exact=True)).to_have_value("Xanthe")
    entries = served.get("/api/lexicon")["entries"]
    served.put("/api/lexicon", {"entries": {}})
    assert entries == {"en": [{"word": "Xanthe", "say": "Zan-thee", "case_sensitive": False}]}
    expect(words).to_contain_text("No words yet")
