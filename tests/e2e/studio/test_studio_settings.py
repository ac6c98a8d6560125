"""Settings, Connect and Status."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.studio.pages import Served, go

pytestmark = pytest.mark.e2e


def test_settings_are_checked_marked_and_put_back(page: Page, served: Served):
    go(page, "Settings")
    form = page.locator("#settings-form")
    form.get_by_label("Find a setting").fill("max_input")
    longest = form.locator('[data-key="openai.max_input"]')
    expect(form.locator(".tr-setting:visible")).to_have_count(1)
    longest.locator("input").fill("-5")
    longest.locator("input").press("Tab")
    expect(longest.get_by_role("alert")).to_contain_text("greater than or equal to 1")
    longest.locator("input").fill("1000")
    longest.locator("input").press("Tab")
    expect(page.locator("#settings-notice")).to_contain_text("saved")
    assert "max_input: 1000" in (served.home / "settings.yaml").read_text(encoding="utf-8")
    longest.get_by_role("button", name="Reset").click()
    expect(longest.locator("input")).to_have_value("4096")
    form.get_by_label("Find a setting").fill("engine.name")
    engine = form.locator('[data-key="engine.name"]')
    expect(engine).to_contain_text("set by the environment")
    expect(engine.locator("input")).to_be_disabled()


def test_connect_shows_the_real_address_and_status_the_log(page: Page, served: Served):
    go(page, "Connect")
    expect(page.locator("#connect-address")).to_have_text(served.url)
    expect(page.locator("#connect-lines")).to_contain_text(f'base_url="{served.url}/v1"')
    go(page, "Status")
    expect(page.locator("#status-figures")).to_contain_text("Worker restarts")
    expect(page.locator("#status-figures")).to_contain_text("median")
