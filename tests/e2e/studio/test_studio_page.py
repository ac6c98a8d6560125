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
from tests.e2e.studio.pages import Served, hears, open_studio, started

pytestmark = pytest.mark.e2e


def test_a_change_is_not_lost_while_another_is_being_shown(served: Served) -> None:
    dependencies = served.get("/config")["dependencies"]
    topical = [one for one in dependencies if any(event.startswith("topic_") for _, event in one["targets"])]
    assert len(topical) > 10
    assert {one["trigger_mode"] for one in topical} == {"always_last"}, "else Gradio drops the second"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_every_tab_fits(open_page: Callable[..., Page], width: int, scheme: str):
    page = open_page(viewport={"width": width, "height": 844}, color_scheme=scheme)
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    assert paint > 0
    for name in ("Voices", "TTS Engine Settings", "Lexicon", "Voice conversion", "Settings", "Connect", "Status"):
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
