"""The page as a whole: it fits, loses no change, wants its key once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from server.keyfile import COOKIE
from tests.e2e.studio.pages import Served, go, hears, open_studio, started

pytestmark = pytest.mark.e2e


def test_a_change_is_not_lost_while_another_is_being_shown(served: Served) -> None:
    dependencies = served.get("/config")["dependencies"]
    topical = [one for one in dependencies if any(event.startswith("topic_") for _, event in one["targets"])]
    assert len(topical) > 10
    assert {one["trigger_mode"] for one in topical} == {"always_last"}, "else Gradio drops the second"


TABS = ("Speak", "Voices", "TTS Engine Settings", "Lexicon", "Voice conversion", "Settings", "Connect", "Status")
NAMELESS = """() => {
  const name = (e) => [e.ariaLabel, ...[...(e.labels ?? [])].map((label) => label.textContent), e.textContent,
    document.getElementById(e.getAttribute('aria-labelledby'))?.textContent].filter((text) => text?.trim());
  return [...document.querySelectorAll('button, a[href], input, select, textarea, [role=slider]')]
    .filter((e) => e.checkVisibility({ visibilityProperty: true }) && e.type !== 'file' && !name(e).length)
    .map((e) => e.outerHTML.slice(0, 200));
}"""
"""Controls that can be seen and that a screen reader could not tell."""
FAINT = """() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if ((colour[3] ?? 1) > 0.9) return colour;
    }
    return [255, 255, 255];
  };
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement;
    const text = texts.currentNode.textContent.trim();
    if (!text || !e.checkVisibility() || e.closest('[disabled], script, style')) continue;
    const colour = getComputedStyle(e).color;
    if (!colour.startsWith('rgb')) continue;
    const [low, high] = [light(numbers(colour)), light(ground(e))].sort((a, b) => a - b);
    if ((high + 0.05) / (low + 0.05) < 4.5) found.push(`${colour} ${text}`);
  }
  return found;
}"""
"""Texts whose contrast with what is behind them is below 4.5 to 1, which WCAG asks for."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_and_controls_have_names(open_page: Callable[..., Page], scheme: str):
    page = open_page(color_scheme=scheme)
    for names in (*((name,) for name in TABS), ("Voices", "Blend"), ("Voices", "Clone")):
        go(page, *names)
        page.wait_for_timeout(300)
        assert page.evaluate(NAMELESS) == [], names
        assert page.evaluate(FAINT) == [], names


def test_what_the_keyboard_is_at_can_be_seen(page: Page):
    page.locator("body").click(position={"x": 2, "y": 2})
    reached = {}
    for _ in range(20):
        page.keyboard.press("Tab")
        look = "(({ outerHTML }, { outlineStyle }) => [outerHTML.slice(0, 200), outlineStyle])"
        element, outline = page.evaluate(f"{look}(document.activeElement, getComputedStyle(document.activeElement))")
        reached[element] = outline
    # Behind an open list of choices the browser is at nothing for a moment.
    assert {outline for element, outline in reached.items() if not element.startswith("<body")} == {"solid"}, reached
    assert len(reached) > 15


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_every_tab_fits(open_page: Callable[..., Page], width: int, scheme: str):
    page = open_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint > 0
    for name in TABS[1:]:
        tab = page.get_by_role("tab", name=name, exact=True).first
        if not tab.is_visible():
            page.locator("#tabs .overflow-menu > button").first.click()
            tab = page.locator("#tabs .overflow-dropdown button", has_text=name).first
        tab.click()
        page.wait_for_timeout(150)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")


def test_the_real_server_wants_its_key_once_and_ends_under_an_open_page(browser: Browser, tmp_path: Path):
    command = ("server", "--this-python", "--engine", "tone", "--port", "0")
    with started(tmp_path, *command, TROUPE_SERVER__REQUIRE_KEY="true") as process:
        url, end = "", time.monotonic() + 60
        while not url:
            assert time.monotonic() < end
            with suppress(OSError, ValueError):
                url = json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))["url"] or ""
            time.sleep(0.1)
        key = (tmp_path / "key").read_text(encoding="utf-8").strip()
        open_studio(url, **{"x-api-key": key})
        assert httpx.get(f"{url}/config").status_code == 401
        assert httpx.get(f"{url}/gradio_api/info").status_code == 401
        assert httpx.get(f"{url}/no/such/page", headers={"x-api-key": key}).status_code == 404
        context = browser.new_context()
        page = context.new_page()
        page.goto(url)
        page.get_by_label("Key").fill(key)
        page.get_by_role("button", name="Open").click()
        expect(page.locator("#speak-voice input")).not_to_have_value("")
        page.locator("#speak-button").click()
        hears(page)
        (cookie,) = [cookie for cookie in context.cookies() if cookie["name"] == COOKIE]
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
        # Its endless requests do not hold up the end.
        assert Served(url, tmp_path, process).stop() < 8
        expect(page.locator(".tr-offline")).to_be_visible()
        context.close()
