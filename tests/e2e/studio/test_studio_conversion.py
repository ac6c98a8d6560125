"""Voice conversion: its installation, the switch, voices of their own."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Page, expect

from server.conversion.rvc.installed import rvc_is_installed
from tests.e2e.studio.pages import Served, go

pytestmark = pytest.mark.e2e


def test_conversion_says_what_is_missing(page: Page, served: Served):
    go(page, "Voice conversion")
    expect(page.locator("#rvc-install")).to_be_visible(visible=not rvc_is_installed())
    expect(page.locator("#rvc-missing")).to_contain_text("" if rvc_is_installed() else "RVC is not installed")
    expect(page.locator("#rvc-models")).to_contain_text("There is no model yet.")
    (served.home / "rvc").mkdir(exist_ok=True)
    (served.home / "rvc" / "Ghost.pth").touch()
    expect(page.locator("#rvc-models")).to_contain_text("Ghost")
    expect(page.locator('#rvc-form [data-key="rvc.narrator"] option')).to_have_text(["Disabled", "Ghost"])
    page.locator("#rvc-test").click()
    expect(page.locator("#rvc-test-notice").get_by_role("alert")).to_contain_text("Switch voice conversion on")
    switch = page.locator('#rvc-form [data-key="rvc.enabled"]')
    switch.locator("input").check()
    expect(page.locator("#rvc-notice")).to_contain_text("rvc.enabled saved")
    assert served.get("/api/engine")["rvc"] is True
    go(page, "Voices")
    choice = page.locator('[data-voice="low"] select')
    expect(choice.locator("option")).to_have_text(["As set for all", "Disabled", "Ghost"])
    choice.select_option("Ghost")
    expect(page.locator("#voices-notice")).to_contain_text("is converted to Ghost")
    expect(choice).to_have_value("Ghost")
    body = {"model": "x", "input": "Hello.", "voice": "low"}
    (served.home / "rvc" / "Ghost.pth").unlink()
    refused = httpx.post(f"{served.url}/v1/audio/speech", json=body)
    assert refused.status_code == 404
    assert "set for the voice low" in refused.text, "the voice's own setting counts"
    expect(choice).to_have_count(0)
    (served.home / "rvc" / "Ghost.pth").touch()
    choice.select_option("Disabled")
    expect(page.locator("#voices-notice")).to_contain_text("is not converted")
    choice.select_option("")
    expect(page.locator("#voices-notice")).to_contain_text("as set for all")
    assert httpx.post(f"{served.url}/v1/audio/speech", json=body).status_code == 200
    (served.home / "rvc" / "Ghost.pth").unlink()
    go(page, "Voice conversion")
    expect(page.locator("#rvc-models")).to_contain_text("There is no model yet.")
    switch.get_by_role("button", name="Reset").click()
    expect(switch.locator("input")).not_to_be_checked()
