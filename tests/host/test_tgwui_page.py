"""The page's part in a real browser, in a chat drawn as the host draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from extension.tgwui import hooks
from tests.host.stub_server import tone

pytestmark = pytest.mark.e2e


HOST = """<!doctype html><body style="margin: 0">
<div class="chat-parent" style="height: 300px; overflow: auto; overflow-anchor: none"><div><div><div id="chat">
<div class="messages"></div></div></div></div></div>
<div id="troupe-status"><div class="troupe-line" data-phase="PHASE"></div></div>
<script>
  // As the host does it: first the message, then the scroll to the end, unless the reader has left it.
  window.isScrolled = false;
  const scroller = document.querySelector(".chat-parent");
  scroller.addEventListener("scroll", () => { window.isScrolled = left() > 10; });
  const left = () => scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
  const add = (text, name = "") => {
    const messages = document.querySelector(".messages");
    messages.insertAdjacentHTML("beforeend", `<div class="message" data-index="${messages.children.length}"
      data-raw="${text}"><div class="text">
      ${name && `<div class="username">${name}<span class="timestamp">now</span></div>`}
      <div class="message-body" style="height: 120px">${text}</div></div></div>`);
    if (!window.isScrolled) scroller.scrollTop = scroller.scrollHeight;
  };
  const phase = (name) => document.querySelector(".troupe-line").setAttribute("data-phase", name);
</script></body>"""


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        )
        yield launched
        launched.close()


@pytest.fixture
def opened(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens the page with our script in it."""
    pages: list[Page] = []
    problems: list[str] = []

    def answer(route: Route) -> None:
        if "/clips/broken/1" in route.request.url:
            route.fulfill(body=b"no sound", content_type="audio/wav")
        elif "/clips/" in route.request.url:
            route.fulfill(body=tone(1.0, 440), content_type="audio/wav")
        else:
            route.fulfill(body=HOST.replace("PHASE", phase), content_type="text/html")

    def open_page(first_phase: str = "ready") -> Page:
        nonlocal phase
        phase = first_phase
        page = browser.new_page()
        pages.append(page)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.route("**/*", answer)
        page.goto("http://host.test/")
        page.add_style_tag(content=hooks._page(".css"))
        page.add_script_tag(content=hooks._page(".js"))
        return page

    phase = "ready"
    yield open_page
    for page in pages:
        page.close()
    assert problems == []


def speak(page: Page, turn: str, clips: int = 1, then: str = "", **more: Any) -> None:
    """News of a turn, with so many clips; ``then`` is done at the same moment."""
    news = {
        **{"turn": turn, "kind": "reply", "index": None, "state": "done", "first": 0, "notices": []},
        "clips": [
            {"url": f"http://host.test/clips/{turn}/{at}", "duration": 1, "source": "Yes."} for at in range(clips)
        ],
        **more,
    }
    page.evaluate(f"news => {{ window.troupe.news(news); {then} }}", news)


def played(page: Page) -> list[int]:
    """Which clips were begun, since the page was asked for the first time."""
    return list(
        page.evaluate("""() => {
            if (!window.begun) {
                const begun = window.begun = [], play = HTMLMediaElement.prototype.play;
                HTMLMediaElement.prototype.play = function () {
                    begun.push(window.troupe.sound.now.at);
                    return play.apply(this, arguments);
                };
            }
            return window.begun;
        }""")
    )


def add(page: Page, text: str) -> None:
    page.evaluate("text => add(text)", text)


def test_a_player_under_the_last_message_does_not_hide_behind_the_input(opened: Callable[..., Page]) -> None:
    page = opened()
    for text in ("One.", "Two.", "Three."):
        add(page, text)
    speak(page, "a", state="speaking")
    player = page.locator("troupe-player")
    expect(player).to_have_count(1)
    box, chat = player.bounding_box(), page.locator(".chat-parent").bounding_box()
    assert box is not None
    assert chat is not None
    assert box["y"] + box["height"] <= chat["y"] + chat["height"]
    assert page.evaluate("left()") <= 1


def test_who_has_scrolled_up_stays_there(opened: Callable[..., Page]) -> None:
    page = opened()
    for text in ("One.", "Two.", "Three."):
        add(page, text)
    page.evaluate("scroller.scrollTop = 20")
    page.wait_for_function("window.isScrolled")
    speak(page, "a", state="speaking")
    expect(page.locator("troupe-player")).to_have_count(1)
    assert page.evaluate("scroller.scrollTop") == 20


def test_two_messages_with_the_same_text_have_a_player_each(opened: Callable[..., Page]) -> None:
    page = opened()
    add(page, "Yes.")
    speak(page, "a", clips=1)
    page.wait_for_function("!window.troupe.sound.now.track")
    add(page, "Yes.")
    speak(page, "b", clips=2)
    page.wait_for_function("!window.troupe.sound.now.track")
    each = [page.locator(f"[data-index='{index}'] troupe-player") for index in (0, 1)]
    for player, length in zip(each, ("0:01", "0:02"), strict=True):
        expect(player.locator(".troupe-time")).to_have_text(length)
    each[0].locator(".troupe-play").click()
    page.wait_for_function("window.troupe.sound.now.track?.index === 0")
    assert "/clips/a/" in page.evaluate("window.troupe.sound.now.track.clips[0].url")


def test_a_reload_gives_each_of_them_its_player_again(opened: Callable[..., Page]) -> None:
    page = opened()
    for _ in range(2):
        add(page, "Yes.")
    key = page.evaluate("window.troupe.takeKey('Yes.', '')")
    clips = [{"url": "http://host.test/clips/a/0", "duration": 1, "source": "Yes."}]
    page.evaluate("found => window.troupe.found(found)", {"asked": [key], "takes": {key: clips}})
    for index in (0, 1):
        expect(page.locator(f"[data-index='{index}'] troupe-player")).to_have_count(1)


def test_equal_texts_of_two_characters_are_two_takes(opened: Callable[..., Page]) -> None:
    page = opened()
    for name in ("Ann", "Bea"):
        page.evaluate("name => add('Yes.', name)", name)
    keys = page.evaluate("['Ann', 'Bea'].map((name) => window.troupe.takeKey('Yes.', name))")
    clips = {
        key: [{"url": f"http://host.test/clips/{key}/0", "duration": length, "source": "Yes."}]
        for key, length in zip(keys, (1, 2), strict=True)
    }
    page.evaluate("found => window.troupe.found(found)", {"asked": keys, "takes": clips})
    for index, length in enumerate(("0:01", "0:02")):
        expect(page.locator(f"[data-index='{index}'] troupe-player .troupe-time")).to_have_text(length)


@pytest.mark.parametrize("state", ["speaking", "done"])
def test_a_message_keeps_its_player_when_the_next_is_sent_at_once(state: str, opened: Callable[..., Page]) -> None:
    page = opened()
    add(page, "One.")
    page.evaluate("""() => {
        window.sendNext = () => {
            window.troupe.hush();
            document.querySelector('#chat').parentElement.classList.add('_generating');
            add('Is typing...');
        };
    }""")
    speak(page, "a", then="window.sendNext()", state=state)
    page.wait_for_timeout(1000)
    expect(page.locator("[data-index='0'] troupe-player")).to_have_count(1)
    expect(page.locator("[data-index='1'] troupe-player")).to_have_count(0)


@pytest.mark.parametrize("text", ["Two.", "One."])
def test_a_voice_that_is_done_before_its_message_is_shown_is_no_others(
    text: str, opened: Callable[..., Page]
) -> None:
    """A busy browser shows a short reply after it has been heard."""
    page = opened()
    add(page, "One.")
    page.evaluate("window.troupe.hush('send')")
    speak(page, "a", clips=2)
    page.wait_for_timeout(1000)
    first, second = (page.locator(f"[data-index='{index}'] troupe-player") for index in (0, 1))
    expect(first).to_have_count(0)
    add(page, text)
    expect(second.locator(".troupe-time")).to_contain_text("0:02")
    page.wait_for_function("!window.troupe.sound.now.track")
    page.wait_for_timeout(600)
    expect(first).to_have_count(0 if text == "Two." else 1)
    expect(second).to_have_count(1)


@pytest.mark.parametrize("pressed", ["regenerate", "continue"])
def test_a_message_that_is_made_anew_keeps_its_place(pressed: str, opened: Callable[..., Page]) -> None:
    page = opened()
    add(page, "One.")
    page.evaluate("pressed => window.troupe.hush(pressed)", pressed)
    speak(page, "a")
    expect(page.locator("[data-index='0'] troupe-player")).to_have_count(1)


def test_a_message_that_never_comes_is_not_waited_for_for_ever(opened: Callable[..., Page]) -> None:
    page = opened()
    page.clock.install()
    add(page, "One.")
    page.evaluate("window.troupe.hush('send')")
    speak(page, "a")
    page.clock.run_for(60_000)
    add(page, "Two.")
    expect(page.locator("troupe-player")).to_have_count(0)


def test_a_clip_that_cannot_be_decoded_costs_no_other(opened: Callable[..., Page]) -> None:
    page = opened()
    add(page, "Yes.")
    assert played(page) == []
    speak(page, "broken", clips=4)
    page.wait_for_function("window.begun.length && !window.troupe.sound.now.track")
    assert played(page) == [0, 1, 2, 3]


def test_a_voice_that_waits_for_its_next_sentence_can_be_held(opened: Callable[..., Page]) -> None:
    page = opened()
    add(page, "Yes.")
    played(page)
    speak(page, "a", state="speaking")
    page.wait_for_function("window.troupe.sound.now.waiting")
    button = page.locator("troupe-player .troupe-play")
    button.click()
    expect(button).to_have_attribute("title", "Play")
    speak(page, "a", clips=3, state="speaking")
    page.wait_for_timeout(300)
    assert played(page) == [0]
    button.click()
    page.wait_for_function("window.troupe.sound.now.waiting && window.troupe.sound.now.at === 3")
    assert played(page) == [0, 1, 2]


def test_a_notice_stays_until_the_next_reply_is_spoken(opened: Callable[..., Page]) -> None:
    page = opened()
    page.clock.install()
    notice = page.locator(".troupe-toast")
    add(page, "One.")
    speak(page, "a", notices=[{"id": 1, "text": "RVC is not installed."}])
    page.clock.run_for(60_000)
    expect(notice).to_have_text("RVC is not installed.")
    add(page, "Two.")
    speak(page, "b")
    expect(notice).to_have_count(0)
    speak(page, "c", clips=0, state="failed", notices=[{"id": 2, "text": "No answer."}])
    notice.click()
    expect(notice).to_have_count(0)


def test_the_first_installation_is_told_to_who_reads_the_chat(opened: Callable[..., Page]) -> None:
    page = opened("installing")
    notice = page.locator(".troupe-toast")
    expect(notice).to_contain_text("is being installed")
    notice.click()
    page.evaluate("phase('starting')")
    page.evaluate("phase('installing')")
    expect(notice).to_have_count(0)
    page.clock.install()
    page.evaluate("phase('ready')")
    expect(notice).to_contain_text("new replies are spoken")
    page.clock.run_for(13_000)
    expect(notice).to_have_count(0)


@pytest.mark.parametrize(("phase", "said"), [("failed", ["says why"]), ("off", [])])
def test_an_installation_that_ends_otherwise(opened: Callable[..., Page], phase: str, said: list[str]) -> None:
    page = opened("installing")
    page.evaluate("name => phase(name)", phase)
    notice = page.locator(".troupe-toast")
    expect(notice).to_have_count(len(said))
    for words in said:
        expect(notice).to_contain_text(words)
    assert opened("ready").locator(".troupe-toast").count() == 0
