"""The hooks in text-generation-webui give back what they were given, and leave its generators in their order."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.host.fake_web_ui import REPLY, FakeWebUI

pytestmark = pytest.mark.host


@pytest.mark.parametrize("hook", ["state_modifier", "output_modifier"])
def test_a_fault_of_ours_gives_back_what_was_given(hook: str, script: Any, web_ui: FakeWebUI, caplog: Any) -> None:
    def fail(*arguments: Any) -> None:
        raise RuntimeError("ours")

    web_ui.runtime().sessions.of = fail
    web_ui.runtime().choices.general = fail
    given: Any = web_ui.state() if hook == "state_modifier" else "text"
    arguments = (given,) if hook == "state_modifier" else (given, web_ui.state(), True)
    for _ in range(2):
        assert getattr(script, hook)(*arguments) is given
    assert caplog.text.count("the host goes on without it") == 1
    assert list(script.custom_generate_reply("", "", web_ui.state(), [], is_chat=True))[-1] == REPLY


def test_the_generators_own_error_is_the_hosts_to_see(script: Any, web_ui: FakeWebUI) -> None:
    class OutOfMemory(Exception):
        pass

    def generate(*arguments: Any, **options: Any) -> Iterator[str]:
        yield "One"
        raise OutOfMemory

    vars(sys.modules["modules.text_generation"])["generate_reply_custom"] = generate
    state = web_ui.state()
    script.state_modifier(state)
    replies = script.custom_generate_reply("", "", state, [], is_chat=True)
    assert next(replies) == "One"
    with pytest.raises(OutOfMemory):
        next(replies)


def test_no_model_is_an_empty_reply_as_in_the_host(script: Any, web_ui: FakeWebUI) -> None:
    web_ui.model_loaded = False
    assert list(script.custom_generate_reply("", "", web_ui.state(), [], is_chat=True)) == [""]


class Neighbour:
    """Another extension that makes replies."""

    def __init__(self, script: Any = None) -> None:
        self.script = script

    def custom_generate_reply(self, *arguments: Any, **options: Any) -> Iterator[str]:
        yield "neighbour"


def test_the_next_extensions_generator_comes_before_the_hosts(script: Any, web_ui: FakeWebUI) -> None:
    web_ui.extensions = [object(), script, Neighbour()]
    assert list(script.custom_generate_reply("", "", web_ui.state(), [], is_chat=True)) == ["neighbour"]


def test_one_before_us_is_not_called_back(script: Any, web_ui: FakeWebUI) -> None:
    web_ui.extensions = [Neighbour(), script]
    assert list(script.custom_generate_reply("", "", web_ui.state(), [], is_chat=True))[-1] == REPLY
