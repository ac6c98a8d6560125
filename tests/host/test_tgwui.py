"""script.py in text-generation-webui: both loaders, every hook, and a server that is well, slow, broken or away."""

from __future__ import annotations

import ast
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host.fake_web_ui import REPLY, REPOSITORY, FakeWebUI
from tests.host.stub_server import StubServer, running

pytestmark = pytest.mark.host

PLACES = [
    pytest.param("troupe", False, id="extensions"),
    pytest.param("my-troupe-main", False, id="extensions-dash"),
    pytest.param("Troupe-main", True, id="user_data"),
]


@pytest.fixture
def web_ui(home: Path, tmp_path: Path) -> Iterator[FakeWebUI]:
    host = FakeWebUI(tmp_path / "host")
    yield host
    host.close()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubServer]:
    with running() as server:
        monkeypatch.setenv("TROUPE_SERVER__PORT", server.address.rpartition(":")[2])
        yield server


@pytest.fixture
def script(web_ui: FakeWebUI, stub: StubServer) -> Any:
    """Loaded, set up and attached to a good server."""
    web_ui.install("troupe", user_data=False)
    loaded = web_ui.load("troupe", user_data=False)
    loaded.setup()
    wait_for(lambda: web_ui.runtime().launcher.status.phase == "ready")
    return loaded


def wait_for(condition: Any, seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.01)


# Loading


@pytest.mark.parametrize(("name", "user_data"), PLACES)
def test_loads_from_any_folder_and_survives_the_hosts_restart(
    name: str, user_data: bool, web_ui: FakeWebUI, stub: StubServer
) -> None:
    web_ui.install(name, user_data=user_data)
    script = web_ui.load(name, user_data=user_data)
    script.setup()
    wait_for(lambda: stub.leases == 1)
    again = web_ui.load(name, user_data=user_data)
    assert (again is script) == (not user_data)
    if user_data:
        again.setup()
        wait_for(lambda: stub.leases == 1 and web_ui.runtime().launcher.status.phase == "ready")
    assert web_ui.turn(again, web_ui.state())[-1] == REPLY
    assert len(web_ui.hear()["clips"]) == 4
    assert "troupe.news" in again.custom_js()
    assert "troupe-player" in again.custom_css()


def test_setup_goes_on_at_once_and_starts_nothing_without_an_interface(web_ui: FakeWebUI, stub: StubServer) -> None:
    web_ui.shared.args.nowebui = True
    web_ui.install("troupe", user_data=False)
    web_ui.load("troupe", user_data=False).setup()
    time.sleep(0.3)
    assert stub.requests == []


def test_switched_off_starts_nothing_and_marks_nothing(web_ui: FakeWebUI, stub: StubServer) -> None:
    web_ui.install("troupe", user_data=False)
    script = web_ui.load("troupe", user_data=False)
    script.custom_css()
    web_ui.runtime().choices.change(on=False)
    script.setup()
    state = web_ui.state()
    assert web_ui.turn(script, state)[-1] == REPLY
    assert stub.requests == []
    assert state == web_ui.state()


@pytest.mark.parametrize("missing", ["hooks.py", "choices.py", "../client.py"])
def test_a_broken_clone_leaves_a_block_with_the_reason(missing: str, web_ui: FakeWebUI, capsys: Any) -> None:
    folder = web_ui.install("troupe", user_data=False)
    (folder / "extension" / "tgwui" / missing).unlink()
    script = web_ui.load("troupe", user_data=False)
    script.ui()
    assert "ModuleNotFoundError" in web_ui.shown[0]
    assert not hasattr(script, "custom_generate_reply")
    assert "could not be loaded" in capsys.readouterr().err


def test_a_ui_that_cannot_be_built_says_why(script: Any, web_ui: FakeWebUI) -> None:
    script.ui()  # the fake Gradio has next to nothing
    assert "could not build its settings" in web_ui.shown[0]


def test_a_second_clone_stands_back(script: Any, web_ui: FakeWebUI) -> None:
    web_ui.install("Troupe-main", user_data=True)
    second = web_ui.load("Troupe-main", user_data=True)
    second.setup()
    second.ui()
    assert "loaded twice" in web_ui.shown[0]
    assert second.custom_js() == ""
    state = web_ui.state()
    second.state_modifier(state)
    assert state == web_ui.state()


# A reply


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


# Harmless


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
    assert time.monotonic() - began < 1.0, "a reply waited for the server"


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


def test_a_take_that_cannot_be_kept_leaves_nobody_waiting(script: Any, web_ui: FakeWebUI) -> None:
    folder = web_ui.runtime().takes._folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("not a folder")
    web_ui.turn(script, web_ui.state())
    message = web_ui.hear()
    assert (message["state"], len(message["clips"])) == ("done", 4)


def test_a_clip_that_cannot_be_taken_leaves_nobody_waiting(script: Any, web_ui: FakeWebUI) -> None:
    def store(clip: object) -> None:
        raise RuntimeError("ours")

    web_ui.runtime().audio.store = store
    web_ui.turn(script, web_ui.state())
    assert web_ui.hear()["state"] == "failed"


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


def test_every_python_that_a_host_has_can_read_it() -> None:
    files = [REPOSITORY / "script.py", *(REPOSITORY / "extension").rglob("*.py")]
    assert len(files) > 15
    for file in files:
        ast.parse(file.read_text(encoding="utf-8"), str(file), feature_version=(3, 10))


def test_the_host_needs_nothing_but_what_it_has() -> None:
    allowed = {"gradio", "starlette"}
    for file in [REPOSITORY / "script.py", *(REPOSITORY / "extension").rglob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                top = name.partition(".")[0]
                assert top in sys.stdlib_module_names | allowed, f"{file}: {name}"
