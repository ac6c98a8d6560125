"""Several browsers at text-generation-webui, and the clicks that belong to what is spoken."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import Any

import pytest

from tests.host.fake_web_ui import FakeWebUI

pytestmark = pytest.mark.host


@pytest.mark.parametrize(("clicked", "spoken"), [("new", True), ("", False)])
def test_a_greeting_is_spoken_when_a_chat_was_begun(clicked: str, spoken: bool, script: Any, web_ui: FakeWebUI) -> None:
    session = web_ui.runtime().sessions.of("browser-1")
    session.clicked = clicked
    greeting = "Good evening."
    assert script.output_modifier(greeting, web_ui.state(unique_id=None), is_chat=True) == greeting
    assert (session.turn() is not None) == spoken
    if spoken:
        assert web_ui.hear("new")["kind"] == "greeting"
        script.output_modifier(greeting, web_ui.state(unique_id=None), is_chat=True)
        assert session.turn().over, "once is enough"


def test_a_greeting_that_is_quicker_than_its_click_is_spoken(script: Any, web_ui: FakeWebUI) -> None:
    """The click comes to us and to the host at once, as two events."""
    session = web_ui.runtime().sessions.of("browser-1")
    script.output_modifier("Good evening.", web_ui.state(unique_id=None), is_chat=True)
    assert session.turn() is None, "nobody has clicked yet"
    assert web_ui.hear("new")["kind"] == "greeting"


def test_the_greeting_asked_for_takes_the_place_of_one_that_was_there_before(script: Any, web_ui: FakeWebUI) -> None:
    """A page that is loaded has a first chat; whoever then picks another character hears that one."""
    session = web_ui.runtime().sessions.of("browser-1")
    script.output_modifier("I am the first.", web_ui.state(unique_id=None), is_chat=True)

    async def click() -> list[str]:
        heard = []
        async for turn in session.follow("new"):
            if turn.text not in heard:
                heard.append(turn.text)
            if len(heard) == 1:
                script.output_modifier("I am the other.", web_ui.state(unique_id=None), is_chat=True)
            else:
                turn.cancel()
        return heard

    assert asyncio.run(asyncio.wait_for(click(), 20)) == ["I am the first.", "I am the other."]
    script.output_modifier("And I?", web_ui.state(unique_id=None), is_chat=True)
    turn = session.turn()
    assert turn is not None
    assert turn.text == "I am the other.", "once is enough"


def test_a_greeting_that_nobody_asked_for_is_not_taken_for_the_next_reply(script: Any, web_ui: FakeWebUI) -> None:
    script.output_modifier("Good evening.", web_ui.state(unique_id=None), is_chat=True)
    web_ui.turn(script, web_ui.state())
    assert web_ui.hear("send")["kind"] == "reply"
    assert web_ui.hear("new") == {}


def test_turns_that_no_browser_took_are_forgotten(script: Any, web_ui: FakeWebUI) -> None:
    for number in range(260):
        web_ui.session = f"browser-{number}"
        script.state_modifier(web_ui.state())
    tee = script.state_modifier.__wrapped__.__globals__["_tee"]()
    assert len(tee._turns) <= 221


def test_browsers_may_ask_at_the_same_time(script: Any, web_ui: FakeWebUI, caplog: Any) -> None:
    def ask() -> None:
        for _ in range(40):
            script.state_modifier(web_ui.state())

    before, sessions = sys.getswitchinterval(), iter(range(1000))
    host = script.state_modifier.__wrapped__.__globals__["host"]
    host.session = lambda: f"browser-{next(sessions) % 100}"
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert "the host goes on without it" not in caplog.text
