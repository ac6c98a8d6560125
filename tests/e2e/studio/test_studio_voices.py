"""Voices: blends, clones, comparing."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.studio.pages import Served, go, pcm

pytestmark = pytest.mark.e2e


def test_a_blend_is_mixed_saved_heard_renamed_deleted_and_brought_back(page: Page, served: Served):
    go(page, "Voices", "Blend")
    mixer = page.locator("#voices-mixer")
    mixer.get_by_label("Voice 1", exact=True).select_option("low")
    mixer.get_by_label("Voice 2", exact=True).select_option("bright")
    mixer.get_by_label("Share of voice 2").fill("3")
    expect(mixer.locator(".tr-share").nth(1)).to_have_text("75 %")
    page.locator("#blend-save").click()
    expect(page.locator("#blend-notice").get_by_role("alert")).to_contain_text("cannot be called")
    page.locator("#blend-name").fill("Seraphina")
    page.locator("#blend-save").click()
    expect(page.locator("#blend-notice")).to_contain_text("Seraphina is among the voices")
    assert pcm(served, "Seraphina") == pcm(served, "low(1)+bright(3)")
    go(page, "All voices")
    cards = page.locator("#voices-cards")
    cards.get_by_label("Find").fill("sera")
    expect(cards.locator(".tr-card")).to_have_count(1)
    cards.get_by_role("button", name="Play Seraphina").click()
    expect(cards.get_by_role("button", name="Play Seraphina")).to_have_attribute("data-state", "playing")
    page.once("dialog", lambda dialog: dialog.accept("Serafina"))
    cards.get_by_role("button", name="Rename").click()
    expect(cards.locator(".tr-card strong")).to_have_text("Serafina")
    cards.get_by_role("button", name="Delete").click()
    expect(page.locator("#voices-notice")).to_contain_text("was deleted")
    expect(cards.locator(".tr-card")).to_have_count(0)
    cards.get_by_role("button", name="Bring back").click()
    expect(cards.locator(".tr-card")).to_have_count(1)


def test_a_deleted_voice_is_brought_back_in_a_page_that_is_opened_later(open_page: Callable[..., Page], served: Served):
    blend = {"name": "Ottilie", "blend": "low(1)+high(1)"}
    httpx.post(f"{served.url}/api/voices", json=blend).raise_for_status()
    httpx.delete(f"{served.url}/api/voices/Ottilie").raise_for_status()
    page = open_page()
    go(page, "Voices")
    page.locator("#voices-cards").get_by_role("button", name="Bring back Ottilie").click()
    expect(page.locator('[data-voice="Ottilie"]')).to_be_visible()
    httpx.delete(f"{served.url}/api/voices/Ottilie").raise_for_status()


def test_a_voice_is_cloned_with_consent(page: Page, served: Served, tmp_path: Path):
    clip = tmp_path / "clip.wav"
    at = np.arange(24_000 * 7) / 24_000
    hum = 0.4 * np.sin(2 * np.pi * 200 * at) + 0.1 * np.sin(2 * np.pi * 400 * at)
    with wave.open(str(clip), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes((hum * 32767).astype("<i2").tobytes())
    go(page, "Voices", "Clone")
    page.locator("#clone-button").click()
    alert = page.locator("#clone-notice").get_by_role("alert")
    expect(alert).to_contain_text("Upload a clip first")
    page.locator("#clone-clip input[type=file]").set_input_files(str(clip))
    expect(page.locator("#clone-clip")).to_contain_text("0:07")
    page.locator("#clone-name input, #clone-name textarea").fill("Hum")
    page.locator("#clone-button").click()
    expect(alert).to_contain_text("consent")
    page.locator("#clone-consent input").check()
    page.locator("#clone-button").click()
    expect(page.locator("#clone-notice")).to_contain_text("Hum is among the voices")
    go(page, "All voices")
    expect(page.locator('#voices-cards [data-voice="Hum"]')).to_contain_text("clone")
    samples = np.frombuffer(pcm(served, "Hum"), "<i2")[2000:4000].astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 24_000))
    assert abs(int(spectrum.argmax()) - 200) < 10
    assert list((served.home / "studio").rglob("*.wav")) == []


def test_two_voices_are_compared_and_their_users_shown(page: Page, served: Served):
    hosts = served.home / "hosts"
    hosts.mkdir(exist_ok=True)
    (hosts / "tgwui.json").write_text('{"characters": {"Aria": {"voice": "clear"}}}', encoding="utf-8")
    page.reload()
    go(page, "Voices")
    cards = page.locator("#voices-cards")
    clear = cards.locator('[data-voice="clear"]')
    expect(clear).to_contain_text("Aria")
    expect(clear).to_contain_text("shimmer")
    clear.get_by_role("button", name="Compare").click()
    expect(cards).to_contain_text("Choose a second voice")
    cards.locator('[data-voice="low"]').get_by_role("button", name="Compare").click()
    expect(cards.locator(".tr-versus .tr-play")).to_have_count(2)
