"""OpenAI Voice Mappings: changed in a page, over HTTP and in the file, by several at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from server.voices.names import OPENAI_NAMES
from tests.e2e.studio.pages import Served, go, pcm

pytestmark = pytest.mark.e2e


@pytest.fixture
def plain_map(served: Served) -> Iterator[None]:
    """Mappings are put back."""
    yield
    served.put("/api/openai-voicemap", dict.fromkeys(OPENAI_NAMES))


def mapping(page: Page, name: str) -> Locator:
    return page.locator(f"#map-tone-{name}")


def open_mappings(page: Page) -> None:
    go(page, "TTS Engine Settings", "Tone")
    expect(mapping(page, "nova")).to_be_visible()


def test_remapped_in_the_page_heard_by_the_openai_client(page: Page, served: Served, plain_map: None):
    assert pcm(served, "nova") != pcm(served, "deep")
    open_mappings(page)
    names = page.locator("#mappings-tone .tr-mapping > label").all_inner_texts()
    assert [name.split()[0] for name in names[:6]] == ["alloy", "echo", "fable", "onyx", "nova", "shimmer"]
    assert len(names) == 13
    mapping(page, "nova").select_option("deep")
    page.get_by_role("button", name="Play nova").click()
    expect(page.get_by_role("button", name="Play nova")).to_have_attribute("data-state", "playing")
    page.locator("#mappings-tone").get_by_role("button", name="Save 1 change").click()
    expect(page.locator("#mappings-notice-tone")).to_contain_text("Saved")
    assert pcm(served, "nova") == pcm(served, "deep")
    page.locator("#mappings-tone").get_by_role("button", name="Reset all").click()
    expect(mapping(page, "nova")).to_have_value("")
    assert pcm(served, "nova") != pcm(served, "deep")


def test_remapped_over_http_or_in_the_file_seen_in_the_open_page(page: Page, served: Served, plain_map: None):
    open_mappings(page)
    served.put("/api/openai-voicemap", {"echo": "clear", "nova": "female_01.wav"})
    expect(mapping(page, "echo")).to_have_value("clear")
    expect(mapping(page, "nova")).to_have_value("female_01.wav")
    (served.home / "voicemap.yaml").write_text("tone:\n  echo: high\n", encoding="utf-8")
    expect(mapping(page, "echo")).to_have_value("high")
    expect(mapping(page, "nova")).to_have_value("")


def test_two_pages_never_overwrite_each_other_silently(
    open_page: Callable[..., Page], served: Served, plain_map: None
):
    first, second = open_page(), open_page()
    for page in (first, second):
        open_mappings(page)
    mapping(second, "onyx").select_option("deep")
    mapping(second, "alloy").select_option("clear")
    mapping(first, "onyx").select_option("high")
    first.locator("#mappings-tone").get_by_role("button", name="Save 1 change").click()
    # The second sees it, keeps its own choice, and is told.
    notice = second.locator("#mappings-tone").get_by_role("alert")
    expect(notice).to_contain_text("Changed elsewhere meanwhile: onyx")
    expect(mapping(second, "onyx")).to_have_value("deep")
    second.locator("#mappings-tone").get_by_role("button", name="Discard").click()
    expect(mapping(second, "onyx")).to_have_value("high")
    # What each changes beside the other is kept.
    mapping(second, "alloy").select_option("clear")
    second.locator("#mappings-tone").get_by_role("button", name="Save 1 change").click()
    expect(mapping(first, "alloy")).to_have_value("clear")
    voices = served.get("/api/openai-voicemap")["voices"]
    assert (voices["onyx"]["set"], voices["alloy"]["set"]) == ("high", "clear")
