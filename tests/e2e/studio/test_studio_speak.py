"""Speak: sound while it is made, two voices, books, files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.studio.pages import Served, go, hears

pytestmark = pytest.mark.e2e


def test_speak_and_hear(page: Page, served: Served):
    page.locator("#speak-text textarea").fill("One two three four five six seven eight nine ten.")
    page.locator("#speak-button").click()
    hears(page)
    player = page.locator("#speak-player")
    expect(player.get_by_text("Complete")).to_be_visible()
    facts = player.locator(".tr-facts")
    expect(facts).to_contain_text("First sound")
    expect(facts).not_to_contain_text("…")
    address = player.get_by_role("link", name="Download MP3").get_attribute("href")
    saved = httpx.get(f"{served.url}{address}")
    assert saved.headers["content-type"] == "audio/mpeg"
    assert "attachment" in saved.headers["content-disposition"]
    assert len(saved.content) > 10_000
    # Wound back from the keyboard, and played again from the list.
    slider = player.get_by_role("slider", name="Position")
    slider.focus()
    slider.press("PageUp")
    page.wait_for_function("document.querySelector('#speak-player audio').ended")
    player.locator(".tr-history .tr-play").first.click()
    hears(page)


def test_ctrl_enter_speaks_with_two_voices_and_another_format(page: Page, served: Served):
    page.locator("#speak-two input").check()
    page.locator("#speak-text textarea").fill('*She turns away from the sea.* "Come," she says, "quickly now."')
    page.locator("#speak-format input").click()
    page.get_by_role("option", name="flac").click()
    page.locator("#speak-text textarea").press("Control+Enter")
    hears(page)
    player = page.locator("#speak-player")
    expect(player.get_by_role("link", name="Download FLAC")).to_be_visible()
    expect(player.locator(".tr-facts")).to_contain_text("narrator")
    address = player.get_by_role("link", name="Download FLAC").get_attribute("href")
    assert httpx.get(f"{served.url}{address}").content[:4] == b"fLaC"


def test_a_long_text_shows_its_progress_and_can_be_stopped(page: Page, served: Served):
    go(page, "TTS Engine Settings", "Tone")
    delay = page.locator('#options-tone [data-key="delay"] input')
    delay.fill("0.5")
    delay.press("Tab")
    expect(page.locator("#options-notice-tone")).to_contain_text("Saved")
    go(page, "Speak")
    words = "Some words to be spoken slowly. " * 12
    page.locator("#speak-text textarea").fill(f"# The first\n{words}\n# The second\n{words}\n# The third\n{words}")
    page.locator("#speak-button").click()
    player = page.locator("#speak-player")
    bar = player.get_by_role("progressbar", name="Text spoken")
    hears(page)
    expect(bar).to_be_visible()
    expect(player.locator(".tr-chapters").get_by_role("button", name="The second")).to_be_visible()
    player.get_by_role("button", name="Stop").click()
    expect(player.get_by_text("Stopped; what was made is kept.")).to_be_visible()
    recording = served.get("/api/recordings")["recordings"][0]
    assert recording["state"] == "stopped"
    assert 0 < recording["done"] < 1
    go(page, "TTS Engine Settings")
    page.locator("#options-tone").get_by_role("button", name="Reset").click()
    expect(delay).to_have_value("0")


def test_chapters_become_one_file(page: Page):
    page.locator("#speak-text textarea").fill("Chapter 1\nIt began at sea.\n\nChapter 2\nIt ended there.")
    page.locator("#speak-button").click()
    player = page.locator("#speak-player")
    expect(player.get_by_text("Complete")).to_be_visible()
    player.locator(".tr-chapters").get_by_role("button", name="Chapter 2").click()
    page.wait_for_function("document.querySelector('#speak-player audio').currentTime > 2")


def test_on_a_phone_the_player_comes_into_view(open_page: Callable[..., Page]):
    page = open_page(viewport={"width": 390, "height": 844})
    stage = page.locator("#speak-player .tr-stage")
    expect(page.locator("#speak-button")).to_be_in_viewport()
    page.locator("#speak-button").click()
    expect(stage).to_be_in_viewport(ratio=0.9)


def test_why_nothing_was_spoken_is_said_and_nothing_is_awaited(page: Page):
    page.locator("#speak-text textarea").fill("toneerror")
    page.locator("#speak-button").click()
    player = page.locator("#speak-player")
    expect(player.get_by_role("alert")).not_to_be_empty()
    expect(player.locator(".tr-facts")).to_contain_text("–")
    expect(player.locator(".tr-facts")).not_to_contain_text("…")


def test_nothing_to_say_is_refused_in_words(page: Page):
    page.locator("#speak-text textarea").fill("   ")
    page.locator("#speak-button").click()
    expect(page.locator("#speak-notice").get_by_role("alert")).to_contain_text("nothing to say")


def test_a_text_file_is_opened_and_another_file_is_not(page: Page, served: Served, tmp_path: Path):
    good, bad = tmp_path / "book.txt", tmp_path / "picture.txt"
    good.write_text("Ein Märchen.", encoding="utf-8")
    bad.write_bytes(b"\x89PNG\0\0\0")
    chooser = page.locator("#speak-file ~ input[type=file], input[type=file]").first
    chooser.set_input_files(str(good))
    expect(page.locator("#speak-text textarea")).to_have_value("Ein Märchen.")
    chooser.set_input_files(str(bad))
    expect(page.locator("#speak-notice").get_by_role("alert")).to_contain_text("not a text file")
    left = list((served.home / "studio").rglob("*.txt"))
    assert left == []
