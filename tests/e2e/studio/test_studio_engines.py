"""TTS Engine Settings: installing, loading, several engines at once, models of the library."""

from __future__ import annotations

import pytest
import yaml
from playwright.sync_api import Page, expect

from server.engines.weights import package_file
from tests.e2e.studio.pages import Served, go

pytestmark = pytest.mark.e2e


def test_an_engine_that_is_not_installed_is_not_spoken_with(page: Page):
    page.locator("#speak-engine input").click()
    page.get_by_role("option", name="Tiny (not installed)").click()
    alert = page.locator("#speak-notice").get_by_role("alert")
    expect(alert).to_contain_text("Install it on its page, under TTS Engine Settings")
    expect(page.locator("#speak-engine input")).to_have_value("Tone")


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


def test_an_engine_beside_has_mappings_and_cards_of_its_own(page: Page, served: Served):
    """The engine was installed above."""
    go(page, "TTS Engine Settings", "Tiny")
    tiny = page.locator("#engine-tiny").first
    tiny.get_by_role("button", name="Use it beside Tone").click()
    expect(tiny).to_contain_text("loaded beside")
    settings = yaml.safe_load((served.home / "settings.yaml").read_text(encoding="utf-8"))
    assert settings == {"engine": {"beside": ["tiny"]}}
    table = page.locator("#mappings-tiny")
    expect(table).to_contain_text("Tone is the engine that speaks now")
    nova = page.locator("#map-tiny-nova")
    nova.select_option("deep")
    with page.expect_request("**/preview") as asked:
        table.get_by_role("button", name="Play nova").click()
    assert asked.value.url.endswith("/api/voices/tiny%3Adeep/preview")
    expect(table.get_by_role("button", name="Play nova")).to_have_attribute("data-state", "playing")
    table.get_by_role("button", name="Save 1 change").click()
    expect(page.locator("#mappings-notice-tiny")).to_contain_text("Saved for when Tiny is the engine that speaks.")
    assert "tiny:\n  nova: deep" in (served.home / "voicemap.yaml").read_text(encoding="utf-8")
    assert served.get("/api/openai-voicemap")["voices"]["nova"]["set"] is None, "the map in force is as it was"
    table.get_by_role("button", name="Reset all").click()
    expect(nova).to_have_value("")
    go(page, "Voices")
    cards = page.locator("#voices-cards")
    expect(cards).to_contain_text("12 voices of Tone and Tiny")
    expect(cards.locator('[data-voice="tiny:low"]')).to_contain_text("Tiny")
    cards.locator('[data-focus="engine"]').select_option("Tiny")
    expect(cards.locator(".tr-card")).to_have_count(6)
    cards.get_by_role("button", name="Play Low (Tiny)").click()
    expect(cards.get_by_role("button", name="Play Low (Tiny)")).to_have_attribute("data-state", "playing")
    go(page, "TTS Engine Settings")
    tiny.get_by_role("button", name="No longer beside Tone").click()
    expect(tiny).to_contain_text("not loaded")
    go(page, "Voices")
    expect(cards).to_contain_text("6 voices of Tone")


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
