"""TTS Engine Settings: installing, loading, several engines at once, models of the library."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from server.engines.weights import package_file
from tests.e2e.studio.pages import Served, go

pytestmark = pytest.mark.e2e


def test_an_engine_is_installed_loaded_and_left(page: Page, served: Served):
    go(page, "TTS Engine Settings", "Tiny")
    tiny = page.locator("#engine-tiny").first
    expect(tiny).to_contain_text("not installed")
    tiny.get_by_role("button", name="Install, 1 MB").click()
    expect(tiny.get_by_role("progressbar")).to_be_visible()
    expect(tiny.get_by_label("Log of the installation")).to_contain_text("Downloading tiny, part")
    tiny.get_by_role("button", name="Load").click()
    expect(tiny).to_contain_text("speaking now")
    expect(page.locator("#head")).to_contain_text("Tiny on cpu")
    expect(page.locator("#map-tiny-nova")).to_be_visible()
    tiny.get_by_role("button", name="Unload").click()
    expect(tiny).to_contain_text("not loaded")
    go(page, "Tone")
    page.locator("#engine-tone").first.get_by_role("button", name="Load").click()
    expect(page.locator("#head")).to_contain_text("Tone on cpu")
    assert served.get("/api/engine")["current"] == "tone"


def test_an_engine_beside_is_offered_shown_and_has_its_own_device(page: Page, served: Served):
    go(page, "Settings")
    page.locator("#settings-form").get_by_label("Find a setting").fill("engine.beside")
    beside = page.locator('#settings-form [data-key="engine.beside"]')
    beside.locator("input").fill("tinny")
    beside.locator("input").press("Tab")
    expect(beside.get_by_role("alert")).to_contain_text("no engine 'tinny'. Did you mean tiny?")
    beside.locator("input").fill("tiny")
    beside.locator("input").press("Tab")
    expect(page.locator("#settings-notice")).to_contain_text("saved")
    go(page, "TTS Engine Settings", "Tiny")
    tiny = page.locator("#engine-tiny").first
    expect(tiny).to_contain_text("loaded beside")
    device = tiny.get_by_label("Device")
    expect(device).to_have_value("")
    expect(device.locator("option").first).to_have_text("as for all engines (auto)")
    device.select_option("cpu")
    expect(page.locator("#engine-notice-tiny")).to_contain_text("Saved")
    assert "devices:\n    tiny: cpu" in (served.home / "settings.yaml").read_text(encoding="utf-8")
    device.select_option("")
    go(page, "Tone")
    row = page.locator("#map-tone-nova")
    expect(row.locator("option", has_text="Low, male – Tiny")).to_have_attribute("value", "tiny:low")
    go(page, "Status")
    parts = page.locator("#status-figures table tr")
    expect(parts.filter(has_text="Tone").filter(has_text="current")).to_contain_text("(process)")
    expect(parts.filter(has_text="Tiny").filter(has_text="beside")).to_contain_text("(process)")
    go(page, "Settings")
    beside.get_by_role("button", name="Reset").click()
    go(page, "TTS Engine Settings", "Tiny")
    expect(tiny).to_contain_text("not loaded")


@pytest.mark.skipif(package_file("TTS", ".models.json") is None, reason="python3 -m server install coqui-vits")
def test_a_model_of_the_library_is_found_and_its_licence_accepted(page: Page, served: Served):
    go(page, "TTS Engine Settings", "Coqui models")
    models = page.locator("#library-models")
    name = models.get_by_label("Model", exact=True)
    fetch = models.get_by_role("button", name="Fetch")
    expect(models.locator("datalist option[value='tts_models/en/vctk/vits']")).to_have_text("English · apache 2.0")
    expect(fetch).to_be_disabled()
    name.press_sequentially("tts_models/en/vctk/fast_pitch")
    expect(models).to_contain_text("CC BY-NC-ND 4.0")
    expect(name).to_be_focused()
    expect(fetch).to_be_disabled()
    models.get_by_role("checkbox").check()
    expect(fetch).to_be_enabled()
    name.fill("tts_models/en/ljspeech/glow-tts")
    expect(models).to_contain_text("vocoder_models/en/ljspeech/multiband-melgan")
    expect(models.get_by_role("checkbox")).to_have_count(0)
    fetch.click()
    engine = page.locator("#engine-coqui-vits").first
    expect(engine.get_by_role("alert")).to_contain_text("install tts_models/en/ljspeech/glow-tts")
    expect(name).to_have_value("tts_models/en/ljspeech/glow-tts")
