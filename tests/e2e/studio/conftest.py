"""One server with its studio and one browser for the tests of all pages."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.studio.pages import PATIENCE, Served, open_studio, started


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with its studio open, for the tests of all pages: each puts back what it changes."""
    home = tmp_path_factory.mktemp("studio")
    with started(home, "tests.e2e.studio.server", str(home)) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        end = time.monotonic() + 60
        while True:
            with suppress(httpx.TransportError):
                httpx.get(f"{url}/health")
                break
            assert time.monotonic() < end
            time.sleep(0.1)
        open_studio(url)
        yield Served(url, home, process)


@pytest.fixture(scope="package")
def browser(chromium: Path) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=str(chromium), args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, served: Served) -> Iterator[Callable[..., Page]]:
    """Opens the studio; each page is another person's. No page may ask another host for anything."""
    contexts = []
    strange: list[str] = []

    def opened(**kwargs: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **kwargs})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        ours = (served.url, "data:", "blob:")
        page.on("request", lambda request: request.url.startswith(ours) or strange.append(request.url))
        page.on("pageerror", lambda error: strange.append(str(error)))
        page.goto(served.url)
        # The voices are there: the page has heard from the server.
        expect(page.locator("#speak-voice input")).not_to_have_value("")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert strange == []


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()
