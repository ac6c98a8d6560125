"""A server that is slow, broken or away: text-generation-webui goes on, and a person is told once."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest

from tests.host.fake_web_ui import REPLY, FakeWebUI, wait_for
from tests.host.stub_server import SLOW, StubServer

pytestmark = pytest.mark.host


@pytest.mark.parametrize("mode", ["slow", "erroring", "garbage", "alien", "away"])
def test_a_reply_is_whole_and_quick_whatever_the_server_does(mode: str, web_ui: FakeWebUI, stub: StubServer) -> None:
    web_ui.install("troupe", user_data=False)
    script = web_ui.load("troupe", user_data=False)
    script.setup()
    if mode in ("slow", "erroring", "garbage"):
        wait_for(lambda: web_ui.runtime().launcher.status.phase == "ready")
    if mode == "away":
        stub.stop()
        stub.stop = lambda: None  # type: ignore[method-assign]
    stub.mode = mode
    began = time.monotonic()
    for _ in range(2):
        assert web_ui.turn(script, web_ui.state()) == list(web_ui.generate(None, None, None))
    assert time.monotonic() - began < SLOW, "a reply waited for the server"


@pytest.mark.parametrize("mode", ["erroring", "garbage"])
def test_one_trouble_is_one_notice(mode: str, script: Any, web_ui: FakeWebUI, stub: StubServer) -> None:
    stub.mode = mode
    notices = []
    for _ in range(3):
        web_ui.turn(script, web_ui.state())
        message = web_ui.hear()
        assert message["state"] == "failed"
        notices += message["notices"]
    assert len(notices) == 1
    stub.mode = "good"
    web_ui.turn(script, web_ui.state())
    assert web_ui.hear()["state"] == "done"
    stub.mode = mode
    web_ui.turn(script, web_ui.state())
    assert len(web_ui.hear()["notices"]) == 1, "after a success, trouble is news again"


def test_a_server_that_dies_in_mid_reply_is_said_once(script: Any, web_ui: FakeWebUI, stub: StubServer) -> None:
    stub.seconds_per_clip = 0.5
    web_ui.turn(script, web_ui.state())
    turn = web_ui.runtime().sessions.of("browser-1").turn()
    turn.taken = True
    turn.start()
    wait_for(lambda: turn.clips)
    stub.stop()
    stub.stop = lambda: None  # type: ignore[method-assign]
    wait_for(lambda: turn.over, 15)
    assert turn.state == "failed"
    assert web_ui.runtime().takes.find_text(REPLY, "Seraphina") == [], "half of a message is not kept as all of it"
    assert len(turn.message(web_ui.runtime().audio.address)["notices"]) == 1


def test_what_is_lost_on_its_way_to_the_server_is_sent_again(
    script: Any, web_ui: FakeWebUI, stub: StubServer
) -> None:
    runtime = web_ui.runtime()
    connect = runtime.launcher.client
    module = sys.modules[type(connect()).__module__]
    lost: list[str] = []

    class Shaky:
        def __getattr__(self, name: str) -> Any:
            if name in ("open_narration", "push") and lost.count(name) < 2:
                lost.append(name)
                raise vars(module)["Unreachable"]("The connection broke.")
            return getattr(connect(), name)

    runtime.launcher.client = Shaky
    state = web_ui.state()
    script.state_modifier(state)
    replies = script.custom_generate_reply("", "", state, [], is_chat=True)
    next(replies)
    turn = runtime.sessions.of("browser-1").turn()
    turn.taken = True
    turn.start()
    wait_for(lambda: len(lost) == 2)
    for _ in replies:
        pass
    script.output_modifier(REPLY.replace('"', "&quot;"), state, is_chat=True)
    wait_for(lambda: turn.over)
    assert lost == ["open_narration"] * 2 + ["push"] * 2
    assert (turn.state, len(turn.clips)) == ("done", 4)


def test_a_clip_that_cannot_be_taken_leaves_nobody_waiting(script: Any, web_ui: FakeWebUI) -> None:
    def store(clip: object) -> None:
        raise RuntimeError("ours")

    web_ui.runtime().audio.store = store
    web_ui.turn(script, web_ui.state())
    assert web_ui.hear()["state"] == "failed"


def test_a_fault_of_our_own_is_said_and_ends_the_reply_as_failed(
    script: Any, web_ui: FakeWebUI, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> dict[str, Any]:
        raise KeyError("cast")

    monkeypatch.setattr(type(web_ui.runtime().launcher.client()), "open_narration", broken)
    web_ui.turn(script, web_ui.state())
    message = web_ui.hear()
    assert message["state"] == "failed"
    assert len(message["notices"]) == 1
    assert "the console says more" in message["notices"][0]["text"]
