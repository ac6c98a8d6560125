"""A voice or a conversion chosen in text-generation-webui that is not there any more."""

from __future__ import annotations

from typing import Any

import pytest

from tests.host.fake_web_ui import FakeWebUI
from tests.host.stub_server import StubServer

pytestmark = pytest.mark.host


def test_a_voice_that_is_gone_is_said_once_and_the_default_speaks(
    script: Any, web_ui: FakeWebUI, stub: StubServer
) -> None:
    web_ui.runtime().choices.change_character("Seraphina", "stub", voice="clone")
    stub.refused_voices.add("clone")
    web_ui.turn(script, web_ui.state())
    message = web_ui.hear()
    assert len(message["clips"]) == 4
    assert [notice["text"] for notice in message["notices"]] == [
        "The voice chosen for Seraphina is not there on stub any more: the default voice speaks."
    ]
    assert all("voice" not in member for member in stub.asked("POST", "narrations$")[-1]["cast"].values())
    web_ui.turn(script, web_ui.state())
    assert web_ui.hear()["notices"] == []


def test_a_conversion_that_is_gone_is_said_once_and_the_voice_speaks_without_it(
    script: Any, web_ui: FakeWebUI, stub: StubServer
) -> None:
    stub.rvc_voices = ["Ghost"]
    web_ui.runtime().choices.change_character("Seraphina", "stub", voice="heart", rvc="Ghost")
    web_ui.turn(script, web_ui.state())
    assert web_ui.hear()["notices"] == []
    assert {member["rvc"] for member in stub.asked("POST", "narrations$")[-1]["cast"].values()} == {"Ghost"}
    stub.rvc_voices = ["Wraith"]
    web_ui.turn(script, web_ui.state())
    message = web_ui.hear()
    assert len(message["clips"]) == 4
    assert [notice["text"] for notice in message["notices"]] == [
        "The RVC voice chosen for Seraphina is not there any more: what is set on the server counts."
    ]
    cast = stub.asked("POST", "narrations$")[-1]["cast"]
    assert all(member["voice"] == "heart" and "rvc" not in member for member in cast.values())


def test_a_conversion_that_is_set_on_the_server_and_gone_is_said_once_and_the_voice_speaks_without_it(
    script: Any, web_ui: FakeWebUI, stub: StubServer
) -> None:
    stub.rvc_voices, stub.rvc_of_all = ["Ghost"], "Gone"
    web_ui.turn(script, web_ui.state())
    message = web_ui.hear()
    assert len(message["clips"]) == 4
    assert [notice["text"] for notice in message["notices"]] == [
        "The RVC voice set on the server is not there any more: Seraphina speaks without one."
    ]
    cast = stub.asked("POST", "narrations$")[-1]["cast"]
    assert {member["rvc"] for member in cast.values()} == {"Disabled"}
    web_ui.turn(script, web_ui.state())
    assert web_ui.hear()["notices"] == []


def test_a_chosen_conversion_and_the_servers_can_both_be_gone(
    script: Any, web_ui: FakeWebUI, stub: StubServer
) -> None:
    stub.rvc_voices, stub.rvc_of_all = ["Ghost"], "Gone"
    web_ui.runtime().choices.change_character("Seraphina", "stub", rvc="Wraith", rvc_narrator="Ghost")
    web_ui.turn(script, web_ui.state())
    message = web_ui.hear()
    assert len(message["clips"]) == 4
    assert len(message["notices"]) == 2
    cast = stub.asked("POST", "narrations$")[-1]["cast"]
    assert {name: member["rvc"] for name, member in cast.items()} == {
        "character": "Disabled", "narrator": "Ghost", "user": "Ghost",
    }  # fmt: skip


def test_a_conversion_that_fails_while_it_speaks_is_said_and_the_whole_reply_is_heard(
    script: Any, web_ui: FakeWebUI, stub: StubServer
) -> None:
    stub.conversion_fails = True
    web_ui.turn(script, web_ui.state())
    message = web_ui.hear()
    assert (message["state"], len(message["clips"])) == ("done", 4)
    assert [notice["text"] for notice in message["notices"]] == [
        "Troupe: The reply is spoken without its RVC voice: No such RVC voice."
    ]
