"""What a person chooses in the settings block."""

from __future__ import annotations

import json
import time
from typing import Any

from scenes import Scenes


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
