"""A reply in text-generation-webui: what of it is spoken, to whom, and that it stays as it was."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.host.fake_web_ui import REPLY, FakeWebUI, wait_for
from tests.host.stub_server import StubServer

pytestmark = pytest.mark.host


def test_speaks_what_the_model_writes_and_changes_nothing(script: Any, web_ui: FakeWebUI, stub: StubServer) -> None:
    seen = web_ui.turn(script, web_ui.state())
    assert seen == list(web_ui.generate(None, None, None))
    message = web_ui.hear()
    assert message["state"] == "done"
    assert [clip["source"].strip() for clip in message["clips"]] == [
        "*She looks up.*",
        '"Oh, it is you!',
        'Come in."',
        "The rain goes on.",
    ]
    assert message["clips"][0]["url"].startswith("file/")
    (body,) = stub.asked("POST", "narrations$")
    assert body["speaker"] == "character"
    assert set(body["cast"]) == {"character", "narrator", "user"}
    assert next(iter(stub.narrations.values())).text == REPLY


def test_only_the_browser_that_asked_hears_it(script: Any, web_ui: FakeWebUI) -> None:
    web_ui.turn(script, web_ui.state())
    web_ui.session = "browser-2"
    assert web_ui.runtime().sessions.of("browser-2").turn() is None
    web_ui.session = "browser-1"
    assert len(web_ui.hear()["clips"]) == 4


def test_an_api_client_is_neither_narrated_nor_changed(script: Any, web_ui: FakeWebUI, stub: StubServer) -> None:
    web_ui.session = None
    state = {"mode": "instruct", "name1": "You", "name2": "AI", "history": {"internal": [], "visible": []}}
    assert web_ui.turn(script, state)[-1] == REPLY
    assert "troupe_turn" not in state
    assert script.output_modifier("raw <b>", {}, is_chat=False) == "raw <b>"
    assert stub.asked("POST", "narrations") == []


def test_continue_speaks_only_what_is_new(script: Any, web_ui: FakeWebUI, stub: StubServer) -> None:
    earlier = "She smiles and"
    history = {"internal": [["Hi", earlier]], "visible": [["Hi", earlier]]}
    state = web_ui.state(history=history)
    web_ui.reply = " waves. Then she goes."
    script.state_modifier(state)
    list(script.custom_generate_reply(f"Ann: Hi\nSeraphina: {earlier}", "", state, [], is_chat=True))
    script.output_modifier(f"{earlier} waves. Then she goes.", state, is_chat=True)
    assert [clip["source"].strip() for clip in web_ui.hear("continue")["clips"]] == ["waves.", "Then she goes."]
    (body,) = stub.asked("POST", "narrations$")
    assert body["context"] == earlier


def test_start_reply_with_is_spoken_too(script: Any, web_ui: FakeWebUI, stub: StubServer) -> None:
    history = {"internal": [["Hi", "Sure thing!"]], "visible": [["Hi", "Sure thing!"]]}
    state = web_ui.state(history=history, start_with="Sure thing!")
    web_ui.reply = " I will."
    script.state_modifier(state)
    list(script.custom_generate_reply("Ann: Hi\nSeraphina: Sure thing!", "", state, [], is_chat=True))
    script.output_modifier("Sure thing! I will.", state, is_chat=True)
    web_ui.hear()
    assert next(iter(stub.narrations.values())).text == "Sure thing! I will."


def test_what_another_generator_wrote_is_spoken_from_the_page(script: Any, web_ui: FakeWebUI, stub: StubServer) -> None:
    state = web_ui.state()
    script.state_modifier(state)
    text = 'It said <img src="cat.png">&quot;hello&quot; &amp; left.'
    assert script.output_modifier(text, state, is_chat=True) == text
    web_ui.hear()
    assert next(iter(stub.narrations.values())).text == 'It said "hello" & left.'


def test_stop_drops_the_tail(script: Any, web_ui: FakeWebUI, stub: StubServer) -> None:
    state = web_ui.state()
    script.state_modifier(state)
    web_ui.shared.stop_everything = True
    script.output_modifier("She begins. And is cut", state, is_chat=True)
    assert web_ui.runtime().sessions.of("browser-1").turn().state == "cancelled"
    time.sleep(0.2)
    assert stub.spoken() == []


def test_a_search_query_is_not_spoken(script: Any, web_ui: FakeWebUI) -> None:
    state = web_ui.state()
    script.state_modifier(state)
    query = "Hi\n\n=====\n\nPlease turn the message above into a short web search query in the same language."
    list(script.custom_generate_reply(query, query, dict(state), [], is_chat=True))
    script.output_modifier("The answer.", state, is_chat=True)
    (clip,) = web_ui.hear()["clips"]
    assert clip["source"] == "The answer."


def test_after_a_tool_the_same_turn_goes_on(script: Any, web_ui: FakeWebUI, stub: StubServer) -> None:
    state = web_ui.state(tools=[{"function": {"name": "look"}}])
    web_ui.reply = 'Let me look. <tool_call>{"name": "look"}</tool_call>'
    script.state_modifier(state)
    list(script.custom_generate_reply("", "", state, [], is_chat=True))
    turn = web_ui.runtime().sessions.of("browser-1").turn()
    state["_tool_turn"] = True
    web_ui.reply = "It is four."
    script.state_modifier(state)
    list(script.custom_generate_reply("", "", state, [], is_chat=True))
    assert web_ui.runtime().sessions.of("browser-1").turn() is turn
    turn.taken = True
    turn.start()
    wait_for(lambda: stub.spoken() == ["Let me look.", "It is four."])
    turn.cancel()
