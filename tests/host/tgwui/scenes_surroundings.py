"""Other folders, other extensions, other programs at the host."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

from scenes import Scenes
from web_ui import REPOSITORY


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
