"""What is heard in the chat, and what its buttons do."""

from __future__ import annotations

import time

from scenes import Scenes


def typing(scenes: Scenes) -> None:
    """Speaks while the model types, marks the sentence, keeps a player; nothing plays after a reload."""
    with scenes.both() as (host, stub):
        page, other = scenes.page(host), scenes.page(host)
        began = page.send("Hi! How are you?")
        page.wait_for(lambda: page.heard(began), 20)
        first = page.heard(began)[0] - began
        scenes.check("speaks while it is typed", page.generating(), f"first sound {first} ms after Send")
        page.wait_for(lambda: "Hello there" in page.highlighted(), 20)
        scenes.check("the sentence is marked", True, repr(page.highlighted()))
        scenes.shot(page, "speaking")
        ended = page.wait_reply() - began
        scenes.check("the reply ends later", first < ended, f"{ended} ms after Send")
        page.wait_silent()
        scenes.check("every sentence was heard", len(page.heard(began)) == 6, stub.spoken())
        scenes.check("nothing is marked afterwards", page.highlighted() == "")
        scenes.check("a player stands below", page.players() == 1)
        scenes.check("the other browser heard nothing", other.heard() == [] and other.players() == 0)
        page.page.reload()
        page.settle()
        time.sleep(3)
        scenes.check("silent after a reload", page.heard() == [])
        scenes.check("the player is still there", page.players() == 1)
        page.page.locator("troupe-player .troupe-play").click()
        page.wait_for(lambda: len(page.heard()) >= 1)
        scenes.check("and plays when pressed", True)
        page.wait_for(lambda: "Chiharu looks up" in page.highlighted(), 5)
        scenes.shot(page, "replay")
        stored = "".join(file.read_text() for file in (host.run / "user_data/logs").rglob("*.json"))
        scenes.check("histories hold nothing of ours", "troupe" not in stored and "autoplay" not in stored)
        scenes.check("no errors on the page", not page.errors, page.errors)


def buttons(scenes: Scenes) -> None:
    """Stop, Regenerate, Continue, swipe, edit, new chat, speak again."""
    with scenes.both() as (host, stub):
        page = scenes.page(host)
        page.send("Hi!")
        page.wait_for(page.heard)
        time.sleep(0.5)
        at = page.press("stop")
        page.wait_for(page.silent, 5)
        scenes.check("Stop is silence", True, f"{page.now() - at} ms")
        page.wait_for(lambda: not page.generating())
        after = page.now()
        time.sleep(4)
        scenes.check("and drops the tail", page.heard(after) == [], stub.spoken())

        before = len(stub.spoken())
        page.press("Regenerate")
        page.wait_reply()
        page.wait_silent()
        said = stub.spoken()[before:]
        scenes.check("Regenerate speaks the new reply only", said[0].startswith("She laughs") and len(said) == 5, said)

        before, since = len(stub.spoken()), page.now()
        page.press("Continue")
        page.wait_reply()
        page.wait_silent()
        said = stub.spoken()[before:]
        scenes.check("Continue speaks the new text only", len(said) == 2 and said[0].startswith('"And this'), said)
        scenes.check("and plays only that", len(page.heard(since)) == 2)
        narration = list(stub.narrations.values())[-1]
        scenes.check("with what came before as context", narration.body["context"].endswith('quickly."'))
        clips = page.page.evaluate("() => document.querySelector('troupe-player .troupe-time').textContent")
        scenes.check("the player holds both parts", page.players() == 1, clips)

        since = page.now()
        page.page.evaluate("() => document.querySelector('.version-nav-button:not([disabled])').click()")
        time.sleep(3)
        scenes.check("a swipe is silent", page.heard(since) == [])

        since, before = page.now(), len(stub.narrations)
        page.page.evaluate("() => [...document.querySelectorAll('#chat .troupe-speak')].pop().click()")
        page.wait_for(lambda: page.heard(since))
        scenes.check("a message is spoken when asked", len(stub.narrations) == before + 1)
        page.page.evaluate("() => [...document.querySelectorAll('#chat .footer-edit-button')].pop().click()")
        page.page.fill("#chat .editing-textarea", "Edited away.")
        page.page.locator("#chat .edit-control-button").first.click()
        page.wait_for(page.silent, 5)
        time.sleep(1.5)
        scenes.check("an edit silences that message", page.silent() and page.players() == 0, page.players())

        since, before = page.now(), len(stub.spoken())
        page.press("new-chat-btn")
        page.wait_for(lambda: page.heard(since))
        scenes.check("a new chat's greeting is spoken", "Chiharu strides" in stub.spoken()[before])
        page.press("stop")
        page.wait_for(page.silent)
        since = page.now()
        page.page.locator("#past-chats label").last.click()
        time.sleep(3)
        scenes.check("opening an old chat is silent", page.heard(since) == [])
        scenes.check("no errors on the page", not page.errors, page.errors)


def twins(scenes: Scenes) -> None:
    """Two messages with the same text; one reader at the end of a long chat, one who has scrolled up."""
    with scenes.both(environ={"FAKE_LLM_REPLY": "Yes. It is so.", "FAKE_LLM_REPLY_FILE": ""}) as (host, _):
        page = scenes.page(host, viewport=(390, 844))
        end = "(c => c.scrollHeight - c.clientHeight - c.scrollTop)(document.querySelector('.chat-parent'))"
        for _ in range(4):
            page.send("Is it?")
            page.wait_reply()
            page.wait_silent()
        page.wait_for(lambda: page.players() == 4)
        scenes.check("each of four equal messages has a player", True)
        left = page.page.evaluate(end)
        scenes.check("the chat is at its end", left <= 1, left)
        scenes.shot(page, "twins")
        page.page.reload()
        page.settle()
        page.wait_for(lambda: page.players() == 4)
        scenes.check("and again after a reload", True)
        left = page.page.evaluate(end)
        scenes.check("still at its end", left <= 1, left)
        page.send("Is it?")
        page.page.mouse.move(200, 300)
        page.wait_for(page.generating)
        page.page.mouse.wheel(0, -300)
        page.wait_for(lambda: page.page.evaluate("() => window.isScrolled"), 5)
        time.sleep(0.3)
        at = page.page.evaluate("() => document.querySelector('.chat-parent').scrollTop")
        page.wait_reply()
        page.wait_for(lambda: page.players() == 5)
        now = page.page.evaluate("() => document.querySelector('.chat-parent').scrollTop")
        scenes.check("who has scrolled up is left there", now == at, (at, now))
        scenes.check("no errors on the page", not page.errors, page.errors)


def modes(scenes: Scenes) -> None:
    """Instruct mode; thinking is not spoken."""
    thinking = "<think>Hmm, let me think. What would be good?</think>The answer is four. It always is."
    with scenes.both(mode="instruct", environ={"FAKE_LLM_REPLY": thinking, "FAKE_LLM_REPLY_FILE": ""}) as (
        host,
        stub,
    ):
        page = scenes.page(host)
        page.send("What is two and two?")
        page.wait_reply()
        page.wait_silent()
        scenes.check(
            "instruct mode speaks, without the thinking",
            stub.spoken() == ["The answer is four.", "It always is."],
            stub.spoken(),
        )
        page.wait_for(lambda: page.players() == 1)  # a busy browser shows a short reply after it has been heard
        scenes.check("and keeps a player", True)
        scenes.shot(page, "instruct")


def touch(scenes: Scenes) -> None:
    """The browser refuses to play before a touch."""
    with scenes.both() as (host, _):
        page = scenes.page(host)
        page.page.evaluate("() => { window.__refusePlay = true }")
        page.send("Hi!")
        page.page.wait_for_selector(".troupe-chip", timeout=20000)
        scenes.shot(page, "chip")
        page.page.evaluate("() => { window.__refusePlay = false }")
        page.page.click(".troupe-chip")
        page.wait_for(page.heard)
        scenes.check("a tap makes it audible", page.page.locator(".troupe-chip").count() == 0)
