"""What a person does and hears in the real web UI, run by hand; prints one line for each thing looked at.

    python tests/host/tgwui/scenarios.py --tgwui CHECKOUT --out FOLDER [NAME ...]

The speech server is the stub beside the tests, unless ``--server URL`` names a running one.
See README.md for what has to be installed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
import traceback
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from stub_server import StubServer
from web_ui import CHROME, REPOSITORY, Page, WebUI, free

REPLIES = """*Chiharu looks up and smiles.* "Hello there, it is good to see you!" She pauses for a moment. \
"I have been waiting <b>all day</b> & thinking about version 2.5 of the app." Then she waves. "Shall we go?"
---
She laughs out loud. "Of course! This is the second reply." *The rain has stopped by now.* "Come along, quickly."
---
"And this is a third one." It is short.
"""


class Scenes:
    """One host and one server for each scenario."""

    def __init__(self, options: argparse.Namespace, browser: Browser) -> None:
        self.options = options
        self.browser = browser
        self.failures = 0
        self.name = ""

    def check(self, what: str, good: bool, figure: object = "") -> None:
        self.failures += not good
        self.say(f"{'ok  ' if good else 'FAIL'} {self.name}: {what} {figure}".rstrip())

    def say(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    @property
    def folder(self) -> Path:
        return Path(self.options.out).resolve() / self.name

    @contextmanager
    def host(self, *, port: int, **options: Any) -> Iterator[WebUI]:
        replies = Path(self.options.out).resolve() / "replies.txt"
        replies.write_text(REPLIES, encoding="utf-8")
        home = self.folder.with_name(f"{self.name}-home")
        shutil.rmtree(home, ignore_errors=True)
        environ = {
            "TROUPE_HOME": str(home),
            "TROUPE_SERVER__PORT": str(port),
            "FAKE_LLM_REPLY_FILE": str(replies),
            "FAKE_LLM_DELAY": str(1 / 12),
            **options.pop("environ", {}),
        }
        host = WebUI(Path(self.options.tgwui), self.folder, port=self.options.port, environ=environ, **options)
        try:
            host.start()
            yield host
        finally:
            host.stop()

    def page(self, host: WebUI, **options: Any) -> Page:
        return Page(self.browser, host.url, **options)

    def shot(self, page: Page, name: str) -> None:
        page.page.screenshot(path=str(self.folder / f"{name}.png"))

    @contextmanager
    def both(self, **options: Any) -> Iterator[tuple[WebUI, StubServer]]:
        """A host with a stub server that it attaches to."""
        stub = StubServer(options.pop("stub", "good"), seconds_per_clip=0.2).start()
        try:
            with self.host(port=int(stub.address.rpartition(":")[2]), **options) as host:
                yield host, stub
        except Exception:
            self.say(f"     the server was asked: {[entry[:2] for entry in stub.requests[-8:]]}")
            raise
        finally:
            stub.stop()


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
        scenes.check("and keeps a player", page.players() == 1)
        scenes.shot(page, "instruct")


def folders(scenes: Scenes) -> None:
    """user_data/extensions, a folder with a dash, a login, a phone; audio needs the login."""
    with scenes.both(user_data=True, extensions=[(REPOSITORY, "troupe-main")], flags=["--gradio-auth", "u:p"]) as (
        host,
        stub,
    ):
        page = scenes.page(host, login="u:p", viewport=(390, 844))
        scenes.shot(page, "phone-open")
        page.send("Hi!")
        page.wait_for(page.heard)
        scenes.check("speaks from user_data/extensions behind a login, at phone width", True)
        page.page.locator("troupe-player").last.wait_for()
        hidden = page.page.evaluate(
            "() => [...document.querySelectorAll('troupe-player')].pop().getBoundingClientRect().bottom"
            " - document.querySelector('.chat-parent').getBoundingClientRect().bottom"
        )
        scenes.check("the player is in sight above the input", hidden <= 0, hidden)
        scenes.shot(page, "phone-speaking")
        narration = next(iter(stub.narrations))
        try:
            urllib.request.urlopen(f"{host.url}troupe/clips/{narration}/0", timeout=5).close()
            status = 200
        except urllib.error.HTTPError as error:
            status = error.code
        scenes.check("sound needs the login", status == 401, status)
        page.wait_silent()
        page.page.evaluate("() => document.getElementById('troupe')?.scrollIntoView()")
        scenes.shot(page, "phone-block")
        scenes.check("no errors on the page", not page.errors, page.errors)


def killed(scenes: Scenes) -> None:
    """The server goes away in the middle of a reply."""
    with scenes.both() as (host, stub):
        page = scenes.page(host)
        page.send("Hi!")
        page.wait_for(page.heard)
        stub.stop()
        page.wait_reply()
        scenes.check("the reply is whole", page.last_message().endswith('Shall we go?"'), page.last_message()[-30:])
        page.wait_for(page.toasts, 30)
        scenes.check("one notice", len(page.toasts()) == 1, page.toasts())
        time.sleep(13)
        scenes.check("which stays until it is clicked", len(page.toasts()) == 1, page.toasts())
        scenes.shot(page, "notice")
        page.page.locator(".troupe-toast").click()
        page.send("And now?")
        page.wait_reply()
        time.sleep(3)
        scenes.check("the next reply comes, too", "second reply" in page.last_message())
        scenes.say(f"     notices after the second reply: {page.toasts()}")


def absent(scenes: Scenes) -> None:
    """Another program has the port."""
    with scenes.both(stub="alien") as (host, _):
        page = scenes.page(host)
        page.send("Hi!")
        end = page.wait_reply()
        scenes.check("the reply comes as ever", page.last_message().endswith('Shall we go?"'), f"{end} ms")
        page.wait_for(page.toasts, 10)
        scenes.check("one notice says why", "Another program" in page.toasts()[0], page.toasts())
        page.page.evaluate("() => document.getElementById('troupe').scrollIntoView()")
        scenes.shot(page, "block-failed")


def neighbours(scenes: Scenes) -> None:
    """Another extension with a generator of its own, before us and after us."""
    other = scenes.folder.with_name("other_generator")
    other.mkdir(parents=True, exist_ok=True)
    (other / "script.py").write_text(
        "import time\n"
        "def custom_generate_reply(question, original_question, state, stopping_strings=None, is_chat=False):\n"
        "    text = ''\n"
        "    for word in 'The other one speaks. It has a voice, too.'.split(' '):\n"
        "        time.sleep(0.1)\n"
        "        text += word + ' '\n"
        "        yield text\n"
    )
    for order in ("before", "after"):
        pair = [(other, "other_generator"), (REPOSITORY, "troupe")]
        with scenes.both(extensions=pair if order == "before" else pair[::-1]) as (host, stub):
            page = scenes.page(host)
            page.send("Hi!")
            page.wait_reply()
            page.wait_for(lambda stub=stub: len(stub.spoken()) == 2, 10)
            scenes.check(
                f"another generator {order} us is spoken",
                "The other one speaks." in stub.spoken()[0],
                stub.spoken(),
            )


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


def block(scenes: Scenes) -> None:
    """Choices are kept without a "save" button, belong to the character, and are heard."""
    with scenes.both() as (host, stub):
        file = scenes.folder.with_name("block-home") / "hosts" / "tgwui.json"

        def kept() -> Any:
            return json.loads(file.read_text())["characters"].get("Example", {}) if file.exists() else {}

        page = scenes.page(host)
        page.page.evaluate("() => document.getElementById('troupe').scrollIntoView()")
        field = page.page.locator("#troupe-voice input")
        field.click()
        page.page.locator("#troupe-voice ul li", has_text="Heart").click()
        page.wait_for(lambda: kept().get("voices", {}).get("stub", {}).get("voice") == "heart")
        scenes.check("a voice is kept as it is chosen", True, kept())
        narrator = page.page.locator("#troupe-narrator input")
        narrator.fill("heart(2)+onyx2(1)")
        narrator.press("Enter")
        page.wait_for(lambda: kept()["voices"]["stub"]["narrator"] == "heart(2)+onyx2(1)")
        scenes.check("a typed blend, too", True)
        page.press("troupe-hear")
        page.wait_for(page.heard)
        cast = list(stub.narrations.values())[-1].body["cast"]
        voices = (cast["character"]["voice"], cast["narrator"]["voice"])
        scenes.check("and they are heard", voices == ("heart", "heart(2)+onyx2(1)"), voices)
        page.press("troupe-stop")
        page.wait_for(page.silent)
        page.page.reload()
        page.settle()
        shown = page.page.locator("#troupe-voice input").input_value()
        scenes.check("they come back", shown.startswith("Heart"), shown)
        page.page.locator("#troupe-voice input").focus()
        page.page.locator("#troupe-narrator input").focus()
        page.page.locator("#troupe-voice input").focus()
        time.sleep(1)
        voices = kept()["voices"]["stub"]
        scenes.check("lists left as they were change nothing", voices["voice"] == "heart", voices)
        scenes.shot(page, "chosen")
        page.page.locator("button", has_text="Notebook").first.click()
        page.page.fill("#textbox-notebook textarea", "A line of the notebook.")
        page.press("troupe-textbox-notebook")
        page.wait_for(lambda: "A line of the notebook." in stub.spoken())
        scenes.check("the notebook speaks", True)
        scenes.shot(page, "notebook")
        page.page.locator("button", has_text="Chat").first.click()
        page.page.locator("#troupe-on input").uncheck()
        page.wait_for(lambda: stub.leases == 0)
        before = len(stub.narrations)
        page.send("Hi!")
        page.wait_reply()
        time.sleep(1)
        scenes.check("switched off, nothing is spoken", len(stub.narrations) == before)
        page.page.locator("#troupe-on input").check()
        page.wait_for(lambda: stub.leases == 1)
        page.send("Hi!")
        page.wait_reply()
        page.wait_for(lambda: len(stub.narrations) == before + 1)
        scenes.check("and on again it is", True)
        scenes.check("no errors on the page", not page.errors, page.errors)


def conversion(scenes: Scenes) -> None:
    """RVC's lists come and go with the server's switch; the choices are the next narration's."""
    with scenes.both() as (host, stub):
        page = scenes.page(host)
        lists = [page.page.locator(f"#troupe-rvc{which}") for which in ("", "-narrator")]
        scenes.check("not offered while RVC is off", not any(each.is_visible() for each in lists))
        stub.rvc_voices = ["Ghost", "Wraith"]
        time.sleep(3.1)  # lists are good for that long
        page.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for(lambda: all(each.is_visible() for each in lists))
        scenes.check("offered to who comes back from the studio", True)
        lists[0].locator("input").click()
        names = [name.rpartition("\n")[2] for name in lists[0].locator("ul li").all_inner_texts()]
        scenes.check("Disabled, then the voices", names[1:] == ["Disabled", "Ghost", "Wraith"], names)
        scenes.shot(page, "list")
        lists[0].locator("ul li", has_text="Ghost").click()
        lists[1].locator("input").click()
        lists[1].locator("ul li", has_text="Wraith").click()
        time.sleep(0.5)
        page.send("Hi!")
        page.wait_reply()
        cast = list(stub.narrations.values())[-1].body["cast"]
        chosen = [cast[role].get("rvc") for role in ("character", "narrator")]
        scenes.check("the next reply is converted", chosen == ["Ghost", "Wraith"], chosen)
        page.press("troupe-stop")
        stub.rvc_voices = ["Ghost", "Wraith", "Banshee"]
        time.sleep(3.1)
        lists[1].locator("input").click()
        page.wait_for(lambda: len(lists[1].locator("ul li").all()) == 5)
        scenes.check("an open list has the new voice and all others", True)
        page.page.keyboard.press("Escape")
        stub.rvc_voices = []
        time.sleep(3.1)
        page.page.locator("#troupe-voice input").focus()
        page.wait_for(lambda: not any(each.is_visible() for each in lists))
        scenes.check("gone with the switch", True)
        scenes.check("no errors on the page", not page.errors, page.errors)


def clients(scenes: Scenes) -> None:
    """API clients are neither narrated nor changed; the host restarts from its Session tab."""
    with scenes.both(flags=["--api", "--api-port", str(scenes.options.port + 5)]) as (host, stub):
        body = {"messages": [{"role": "user", "content": "Hi"}], "mode": "instruct"}
        request = urllib.request.Request(
            f"http://127.0.0.1:{scenes.options.port + 5}/v1/chat/completions",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = json.load(answer)["choices"][0]["message"]["content"]
        scenes.check("an API client gets its text", "Shall we go?" in text and "troupe" not in text)
        scenes.check("and is not narrated", stub.narrations == {})
        page = scenes.page(host)
        leases = stub.leases
        scenes.check("one lease is held", leases == 1, leases)
        page.page.evaluate(
            "() => [...document.querySelectorAll('button')].find(b => /Apply flags/.test(b.textContent)).click()"
        )
        began = time.monotonic()
        page.wait_for(lambda: host.log.read_text().count("Running on local URL") == 2, 60)
        scenes.say(f"     restarted after {time.monotonic() - began:.1f} s")
        time.sleep(4)
        fresh = scenes.page(host)
        fresh.send("Hi!")
        fresh.wait_for(fresh.heard)
        scenes.check("speaks after the host's restart", True)
        scenes.check("with one lease still", stub.leases == 1, stub.leases)


def live(scenes: Scenes) -> None:
    """Against a real server: figures."""
    with scenes.host(port=int(scenes.options.server.rpartition(":")[2])) as host:
        page = scenes.page(host)
        page.page.evaluate("() => document.getElementById('troupe').scrollIntoView()")
        scenes.shot(page, "block")
        for sentence in ("smiles.", "out loud.", "third one."):
            began = page.send("Hi!")
            page.wait_for(lambda sentence=sentence: sentence in page.last_message(), 30)
            typed = page.now()
            page.wait_for(lambda began=began: page.heard(began), 60)
            first = page.heard(began)[0]
            ended = page.wait_reply()
            page.wait_silent(120)
            scenes.check(
                "first sound",
                first - typed < 2500,
                f"{first - typed} ms after the first sentence's end, {first - began} ms after Send; "
                f"reply ended at {ended - began} ms; {len(page.heard(began))} clips",
            )
            page.page.locator("#chat troupe-player").last.wait_for()
        scenes.check("no errors on the page", not page.errors, page.errors)


def bundled(scenes: Scenes) -> None:
    """Nothing runs: the server is installed and started; it ends when the host is killed. Minutes."""
    with scenes.host(port=scenes.options.port + 1, server=True) as host:
        began = time.monotonic()
        page = scenes.page(host)
        page.page.evaluate("() => document.getElementById('troupe').scrollIntoView()")
        status = page.page.locator("#troupe-status .troupe-line")
        page.wait_for(lambda: status.get_attribute("data-phase") == "installing", 30)
        scenes.check("the chat says so, too", "is being installed" in page.toasts()[0], page.toasts())
        time.sleep(8)
        scenes.shot(page, "installing")
        scenes.say(f"     {status.inner_text()!r}")
        page.send("Hi!")
        page.wait_reply()
        scenes.check("a reply meanwhile is whole", page.last_message().endswith('Shall we go?"'), page.toasts())
        page.wait_for(lambda: status.get_attribute("data-phase") == "ready", 420)
        scenes.check("the block says when it is ready", True, f"{time.monotonic() - began:.0f} s")
        began_speaking = page.send("Hi!")
        page.wait_for(lambda: page.heard(began_speaking), 60)
        page.wait_silent(120)
        scenes.check("and it speaks", True)
        host.kill()
        killed_at = time.monotonic()
        page.wait_for(lambda: free(scenes.options.port + 1), 15)
        scenes.check("the server goes with the killed host", True, f"{time.monotonic() - killed_at:.1f} s")


SCENARIOS: dict[str, Callable[[Scenes], None]] = {
    function.__name__: function
    for function in (
        *(typing, buttons, twins, modes, folders, killed),
        *(absent, neighbours, touch, block, conversion, clients),
    )
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tgwui", required=True, help="a checkout of the web UI")
    parser.add_argument("--out", default="results")
    parser.add_argument("--port", type=int, default=8210, help="of the host")
    parser.add_argument("--server", help="a running server; the scenario 'live' measures it")
    parser.add_argument("names", nargs="*", help=", ".join([*SCENARIOS, "live", "bundled"]))
    options = parser.parse_args()
    if not free(options.port):
        parser.error(f"port {options.port} is in use")
    Path(options.out).mkdir(parents=True, exist_ok=True)
    os.environ.pop("TROUPE_HOME", None)
    known = {**SCENARIOS, "live": live, "bundled": bundled}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[*CHROME, "--autoplay-policy=document-user-activation-required"],
        )
        scenes = Scenes(options, browser)
        for name in options.names or (["live"] if options.server else list(SCENARIOS)):
            scenes.name = name
            try:
                known[name](scenes)
            except Exception:  # noqa: BLE001 - the next scenario is worth running
                scenes.check(f"ran to its end\n{traceback.format_exc()}", False)
            for context in browser.contexts:
                context.close()
        browser.close()
    scenes.say(f"{scenes.failures} failures")
    return 1 if scenes.failures else 0


if __name__ == "__main__":
    sys.exit(main())
