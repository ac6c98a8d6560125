"""The studio in a real browser, used as a person does, with the engine that hums."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from openai import OpenAI
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from server.conversion.rvc.installed import rvc_is_installed
from server.engines.weights import package_file
from server.keyfile import COOKIE
from server.voices.names import OPENAI_NAMES

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).resolve().parents[2]
PATIENCE = 20_000
"""Milliseconds; two busy cores are slow."""

expect.set_options(timeout=PATIENCE)


@dataclass(frozen=True)
class Served:
    """A server in a process of its own: Gradio has a memory and warnings of its own, too."""

    url: str
    home: Path
    process: subprocess.Popen[str]

    def get(self, path: str) -> Any:
        return httpx.get(self.url + path, timeout=30).raise_for_status().json()

    def put(self, path: str, body: object) -> None:
        httpx.put(self.url + path, json=body, timeout=30).raise_for_status()

    def stop(self) -> float:
        """End it; returns how many seconds that took."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(30)
        return time.monotonic() - began


@contextmanager
def started(home: Path, *command: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=REPOSITORY,
        env={**os.environ, "TROUPE_HOME": str(home), **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def open_studio(url: str, **headers: str) -> None:
    """Wait until Gradio's page stands where the waiting page did."""
    end = time.monotonic() + 120
    while "x-troupe-studio" in httpx.head(url, headers=headers).headers:
        assert time.monotonic() < end
        time.sleep(0.2)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with its studio open."""
    home = tmp_path_factory.mktemp("studio")
    with started(home, "tests.e2e.studio_server", str(home)) as process:
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


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
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


def go(page: Page, *tabs: str) -> None:
    """Open a tab, then one within it."""
    for name in tabs:
        page.get_by_role("tab", name=name, exact=True).click()


def hears(page: Page, player: str = "#speak-player") -> None:
    """Sound comes out of the player."""
    page.wait_for_function(
        "(id) => { const a = document.querySelector(`${id} audio`); return a.duration > 0 && a.currentTime > 0.2; }",
        arg=player,
    )


def pcm(served: Served, voice: str) -> bytes:
    """What the official client hears."""
    client = OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0)
    text = "Hello, this is a test."
    return client.audio.speech.create(model="tts-1", voice=voice, input=text, response_format="pcm").content


def mapping(page: Page, name: str) -> Locator:
    return page.locator(f"#map-tone-{name}")


def open_mappings(page: Page) -> None:
    go(page, "TTS Engine Settings", "Tone")
    expect(mapping(page, "nova")).to_be_visible()


@pytest.fixture
def plain_map(served: Served) -> Iterator[None]:
    """Mappings are put back."""
    yield
    served.put("/api/openai-voicemap", dict.fromkeys(OPENAI_NAMES))


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


def test_words_are_said_another_way(open_page: Callable[..., Page], served: Served):
    page, other = open_page(), open_page()
    for each in (page, other):
        go(each, "Lexicon")
    page.locator("#lexicon-add").click()
    words = page.locator("#lexicon-words")
    words.get_by_label("Word", exact=True).fill("Xanthe")
    page.locator("#lexicon-save").click()
    expect(page.locator("#lexicon-notice").get_by_role("alert")).to_contain_text("Say how to say Xanthe")
    words.get_by_label("Say it as").fill("Zan-thee")
    words.get_by_role("button", name="Listen").click()
    expect(words.get_by_role("button", name="Listen")).to_have_attribute("data-state", "playing")
    page.locator("#lexicon-save").click()
    expect(page.locator("#lexicon-notice")).to_contain_text("Saved")
    expect(other.locator("#lexicon-words").get_by_label("Word", exact=True)).to_have_value("Xanthe")
    entries = served.get("/api/lexicon")["entries"]
    served.put("/api/lexicon", {"entries": {}})
    assert entries == {"en": [{"word": "Xanthe", "say": "Zan-thee", "case_sensitive": False}]}
    expect(words).to_contain_text("No words yet")


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


def test_a_change_is_not_lost_while_another_is_being_shown(served: Served) -> None:
    dependencies = served.get("/config")["dependencies"]
    topical = [one for one in dependencies if any(event.startswith("topic_") for _, event in one["targets"])]
    assert len(topical) > 10
    assert {one["trigger_mode"] for one in topical} == {"always_last"}, "else Gradio drops the second"


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
