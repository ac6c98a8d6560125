"""The speech server: gone, another program, a real one, the bundled one."""

from __future__ import annotations

import time

from scenes import Scenes
from web_ui import free


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
