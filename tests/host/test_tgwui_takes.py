"""What has been spoken in text-generation-webui, and is found again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.host.fake_web_ui import REPLY, FakeWebUI

pytestmark = pytest.mark.host


def test_a_spoken_message_is_found_again_by_its_text(script: Any, web_ui: FakeWebUI, home: Path) -> None:
    web_ui.turn(script, web_ui.state())
    web_ui.hear()
    takes = web_ui.runtime().takes
    assert len(takes.find_text(REPLY, "Seraphina")) == 4
    assert takes.find_text(REPLY + " Edited.", "Seraphina") == []
    assert takes.find_text(REPLY, "Somebody else") == []
    assert list((home / "hosts" / "tgwui-takes").glob("*.json"))


def test_continue_keeps_what_the_same_speaker_said_before(script: Any, web_ui: FakeWebUI) -> None:
    earlier = "She smiles and"
    history = {"internal": [["Hi", earlier]], "visible": [["Hi", earlier]]}
    for speaker, clips in (("Seraphina", 1), ("Somebody else", 2)):
        web_ui.runtime().takes.keep(earlier, speaker, [{"narration": "n" * 22, "index": at} for at in range(clips)])
    state = web_ui.state(history=history)
    web_ui.reply = " waves."
    script.state_modifier(state)
    list(script.custom_generate_reply(f"Ann: Hi\nSeraphina: {earlier}", "", state, [], is_chat=True))
    script.output_modifier(f"{earlier} waves.", state, is_chat=True)
    message = web_ui.hear("continue")
    assert (message["first"], len(message["clips"])) == (1, 2)


@pytest.mark.parametrize(("mode", "speaker"), [("chat", "Seraphina"), ("chat-instruct", "Seraphina"), ("instruct", "")])
def test_a_take_is_kept_under_the_name_that_the_page_shows(
    mode: str, speaker: str, script: Any, web_ui: FakeWebUI
) -> None:
    web_ui.turn(script, web_ui.state(mode=mode, character_menu="seraphina_file"))
    web_ui.hear()
    assert len(web_ui.runtime().takes.find_text(REPLY, speaker)) == 4


def test_a_take_that_cannot_be_kept_leaves_nobody_waiting(script: Any, web_ui: FakeWebUI) -> None:
    folder = web_ui.runtime().takes._folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("not a folder")
    web_ui.turn(script, web_ui.state())
    message = web_ui.hear()
    assert (message["state"], len(message["clips"])) == ("done", 4)
