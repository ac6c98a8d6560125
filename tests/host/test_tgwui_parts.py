"""The extension's smaller nouns: text on its way to the voice, choices, voices in a list, takes, the route."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from extension.client import Client
from extension.tgwui import casting, host, routes
from extension.tgwui.choices import Character, Choices
from extension.tgwui.notices import Notices
from extension.tgwui.reply import Reply, common_length, utf16_length, utf16_slice
from extension.tgwui.takes import Takes, key
from extension.tgwui.voices import VoiceList, blend, chosen, label, shown
from tests.host.stub_server import running

pytestmark = pytest.mark.host

PAGE = Path(host.__file__).with_name("page")

CHAT = Reply(user="Ann", character="Seraphina")


@pytest.mark.parametrize(
    ("reply", "raw", "spoken"),
    [
        (CHAT, "  Hello.", "Hello."),
        (CHAT, "Seraphina: Hello.", "Hello."),
        (CHAT, "Seraph", ""),
        (CHAT, "Sera is here.", "Sera is here."),
        (CHAT, "Hello {{user}}, dear <USER>.", "Hello Ann, dear Ann."),
        (Reply(user=r"\1"), "Hello {{user}}.", "Hello {{user}}."),
        (Reply(user=r"\1", character="S"), "Hello {{user}}.", r"Hello \1."),
        (CHAT, "<think>Hm.</think>Yes.", "Yes."),
        (CHAT, "<think>Hm", ""),
        (Reply(opening="<think>"), "Hm.</think>Yes.", "Yes."),
        (Reply(reasoning=True), "<think>Hm.</think>Yes.", "<think>Hm.</think>Yes."),
        (CHAT, 'Wait. <tool_call>{"name": 1}', "Wait. "),
        (Reply(opening="Sure!"), " I will.", "Sure! I will."),
    ],
)
def test_what_the_model_wrote_becomes_what_is_spoken(reply: Reply, raw: str, spoken: str) -> None:
    assert reply.from_model(raw) == spoken


@pytest.mark.parametrize(
    ("reply", "visible", "spoken"),
    [
        (CHAT, "&quot;Hi&quot; &amp; &lt;b&gt;bye&lt;/b&gt;", '"Hi" & <b>bye</b>'),
        (CHAT, 'Look: <img src="a.png"><audio src="b"></audio>nice.', "Look: nice."),
        (Reply(previous="She smiles"), "She smiles and waves.", "and waves."),
        (Reply(previous="She smiles"), "Elle sourit.", None),
        (CHAT, "", ""),
    ],
)
def test_what_the_page_shows_becomes_what_is_spoken(reply: Reply, visible: str, spoken: str | None) -> None:
    assert reply.from_page(visible) == spoken


def test_offsets_count_as_javascript_does() -> None:
    text = "a😀b"
    assert utf16_length(text) == 4
    assert utf16_slice(text, 1, 3) == "😀"
    assert utf16_slice(text, 3, 4) == "b"
    assert common_length("abcd", "abXd") == 2
    assert common_length("ab", "abc") == 2
    assert common_length("abc", "ab") == 2


def test_a_choice_is_kept_per_engine_and_private(tmp_path: Path) -> None:
    file = tmp_path / "hosts" / "tgwui.json"
    choices = Choices(file)
    choices.change_character("Seraphina", "kokoro", voice="af_heart", speed=1.2)
    choices.change_character("Seraphina", "piper", voice="lessac")
    choices.change(key="secret")
    again = Choices(file)
    assert again.character("Seraphina", "kokoro") == Character(voice="af_heart", speed=1.2)
    assert again.character("Seraphina", "piper") == Character(voice="lessac", speed=1.2)
    assert again.character("Seraphina", "coqui").voice == ""
    assert again.character("Somebody new", "kokoro") == Character()
    assert again.engines_with_a_voice("Seraphina") == ["kokoro", "piper"]
    again.forget_character("Seraphina")
    assert choices.character("Seraphina", "kokoro") == Character(), "another window's change is seen"
    assert choices.general().key == "secret"
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", ["", "not json", "[]", '{"on": "yes", "volume": null, "characters": {"S": [], "": {"skip": 3}}}']
)
def test_a_broken_file_is_no_obstacle(content: str, tmp_path: Path) -> None:
    file = tmp_path / "tgwui.json"
    file.write_text(content)
    choices = Choices(file)
    assert choices.general().on is True
    assert choices.character("S", "kokoro") == Character()
    assert choices.change(volume=0.5).volume == 0.5
    assert json.loads(file.read_text())["volume"] == 0.5


def test_trouble_is_news_once_until_it_works_again() -> None:
    notices = Notices()
    assert notices.say("down") is not None
    assert notices.say("still down") is None
    assert notices.say("no voice", about="voice") is not None
    notices.fine()
    assert notices.say("down again") == {"id": 3, "text": "down again"}


@pytest.mark.parametrize(
    ("voice", "said"),
    [
        (
            {"id": "af_heart", "name": "Heart", "languages": ["en-us"], "gender": "female", "kind": "builtin"},
            "Heart · English (US) · female",
        ),
        ({"id": "x", "name": "Mine", "languages": ["xx"], "gender": "neutral", "kind": "clone"}, "Mine · xx · cloned"),
        ({"id": "nova", "name": "nova", "kind": "openai"}, "nova (OpenAI name)"),
        ({"id": "nova", "name": "Nova", "languages": ["en-us"], "kind": "openai"}, "Nova (OpenAI name)"),
        ({"id": "bare"}, "bare"),
    ],
)
def test_a_voice_reads_well_in_a_list(voice: dict[str, Any], said: str) -> None:
    assert label(voice) == said


@pytest.mark.parametrize(
    ("one", "other", "share", "made"),
    [
        ("a", "b", 50, "a(5)+b(5)"),
        ("a", "b", 30, "a(7)+b(3)"),
        ("a", "b", 35, "a(13)+b(7)"),
        ("a", "b", 0, "a"),
        ("a", "b", 100, "b"),
        ("a", "", 50, "a"),
        ("", "b", 50, "b"),
        ("a", "a", 50, "a"),
    ],
)
def test_a_blend_is_written_in_whole_parts(one: str, other: str, share: float, made: str) -> None:
    assert blend(one, other, share) == made


def test_no_choice_has_a_name_in_a_list() -> None:
    assert chosen(shown("")) == ""
    assert chosen(shown("af_heart")) == "af_heart"
    assert chosen(None) == ""


@pytest.mark.parametrize(
    ("left", "before", "kept"),
    [
        ("default", "heart", ""),
        ("Default voice", "", ""),
        ("Default voice", "heart", ""),
        ("Heart · English (US) · female", "", "heart"),
        ("Heart · English (US) · female", "heart", "heart"),
        ("onyx2", "heart", "onyx2"),
        ("onyx2(1)+heart(1) (blend)", "onyx2(1)+heart(1)", "onyx2(1)+heart(1)"),
        ("onyx2(1)+heart(2)", "", "onyx2(1)+heart(2)"),
        ("gone", "gone", "gone"),
    ],
)
def test_a_list_that_was_left_as_it_was_changes_no_choice(left: str, before: str, kept: str) -> None:
    """Gradio's list for typed text, too, takes the label that it shows for the value when it loses the focus."""
    with running() as stub:
        voices = VoiceList(lambda: Client(stub.address))
        voices.refresh()
    assert voices.chosen(left, "Default voice", before) == kept


def test_conversions_are_offered_while_the_server_has_some() -> None:
    with running() as stub:
        voices = VoiceList(lambda: Client(stub.address))
        voices.refresh()
        assert not voices.has_rvc
        stub.rvc_voices = ["Ghost"]
        voices = VoiceList(lambda: Client(stub.address))
        voices.refresh()
    assert voices.has_rvc
    assert [name for name, _ in voices.rvc("As set", "Gone")] == ["As set", "Disabled", "Ghost", "Gone"]
    assert [value for _, value in voices.rvc("As set", "Disabled")] == ["default", "Disabled", "Ghost"]


@pytest.mark.parametrize(
    ("character", "spoken", "narrated"),
    [
        (Character(), None, None),
        (Character(rvc="Ghost"), "Ghost", "Ghost"),
        (Character(rvc="Ghost", narrator="onyx2"), "Ghost", None),
        (Character(rvc="Ghost", rvc_narrator="Wraith"), "Ghost", "Wraith"),
        (Character(rvc="Ghost", rvc_narrator="Disabled"), "Ghost", "Disabled"),
        (Character(rvc_narrator="Wraith", narrator="onyx2"), None, "Wraith"),
        (Character(rvc="Disabled"), "Disabled", "Disabled"),
    ],
)
def test_who_is_converted_to_whom(character: Character, spoken: str | None, narrated: str | None) -> None:
    cast = casting.opening(character)["cast"]
    assert cast["character"].get("rvc") == spoken
    assert cast["narrator"].get("rvc") == cast["user"].get("rvc") == narrated
    without = casting.opening(character, frozenset({"cast.character.rvc"}))["cast"]
    assert "rvc" not in without["character"]
    assert without["narrator"].get("rvc") == narrated


def test_takes_are_found_by_text_and_speaker(tmp_path: Path) -> None:
    takes = Takes(tmp_path / "takes")
    takes.keep("Hello.\r\nYou.", "Ann", [{"narration": "n" * 22, "index": 0}])
    assert takes.find_text(" Hello.\nYou. \n", " Ann")[0]["index"] == 0
    assert takes.find_all([key("Hello.\nYou.", "Ann"), key("Other.", "Ann"), "../../../etc"]) == {
        key("Hello.\nYou.", "Ann"): [{"narration": "n" * 22, "index": 0}]
    }


def test_equal_texts_of_two_speakers_have_a_take_each(tmp_path: Path) -> None:
    takes = Takes(tmp_path / "takes")
    for index, speaker in enumerate(("Ann", "Bea", "")):
        takes.keep("Yes.", speaker, [{"narration": "n" * 22, "index": index}])
    found = [takes.find_text("Yes.", speaker) for speaker in ("Ann", "Bea", "", "Cleo")]
    assert [[clip["index"] for clip in clips] for clips in found] == [[0], [1], [2], []]


def test_a_take_kept_by_its_text_alone_is_found_until_there_is_one_by_its_speaker(tmp_path: Path) -> None:
    takes = Takes(tmp_path)
    old = tmp_path / f"{key('Yes.', '').partition('-')[0]}.json"
    old.write_text('{"clips": [{"index": 7}]}')
    assert takes.find_text("Yes.", "Ann") == [{"index": 7}]
    takes.keep("Yes.", "Ann", [{"index": 0}])
    assert takes.find_text("Yes.", "Ann") == [{"index": 0}]
    assert takes.find_text("Yes.", "Bea") == [{"index": 7}]


TEXTS = ["", "Hello.", " *Ünïcödé* “quotes” 😀\r\nnext ", "日本語。", "a" * 5000]


def test_the_page_names_a_text_as_we_do(node: str) -> None:
    program = (
        "globalThis.window = globalThis;"
        + (PAGE / "1-text.js").read_text(encoding="utf-8")
        + f"const texts = {json.dumps(TEXTS)};"
        + "console.log(JSON.stringify(texts.map((text, i) => window.troupe.takeKey(text, texts.at(-1 - i)))))"
    )
    answer = subprocess.run([node, "-"], input=program, capture_output=True, text=True, encoding="utf-8", check=True)
    speakers = reversed(TEXTS)
    assert json.loads(answer.stdout) == [key(text, speaker) for text, speaker in zip(TEXTS, speakers, strict=True)]


# The route on the host's web server


class App:
    """Gradio's, as far as the route knows it."""

    @staticmethod
    def create_app() -> Starlette:
        app: Any = Starlette()
        app.auth, app.cookie_id, app.tokens, app.auth_dependency = None, "c", {}, None
        return app


@pytest.fixture
def gradio_app(monkeypatch: pytest.MonkeyPatch) -> type[App]:
    class Fresh(App):
        create_app = staticmethod(App.create_app)

    monkeypatch.setitem(sys.modules, "gradio", types.ModuleType("gradio"))
    module: Any = types.ModuleType("gradio.routes")
    module.App = Fresh
    monkeypatch.setitem(sys.modules, "gradio.routes", module)
    return Fresh


def test_sound_goes_through_the_hosts_server_behind_its_login(gradio_app: Any) -> None:
    with running() as stub:
        client = Client(stub.address)
        audio = routes.Audio(lambda: client)
        audio.install()
        audio.install()  # again at a restart: one wrapper is enough
        app: Any = gradio_app.create_app()
        assert audio.by_route
        assert len(app.router.routes) == 1
        opened = client.open_narration({"text": "One. ", "final": True})
        for _, name, _ in client.events(opened["id"]).events():
            if name == "clip":
                break
        address = audio.address({"narration": opened["id"], "index": 0})
        with TestClient(app) as browser:
            assert browser.get(address).content.startswith(b"RIFF")
            assert browser.get(address.replace("/0", "/7")).status_code == 404
            assert browser.get("troupe/clips/..%2f..%2fsecret/0").status_code == 404
            app.auth = {"u": "p"}
            assert browser.get(address).status_code == 401
            app.tokens["t"] = "u"
            browser.cookies.set("access-token-unsecure-c", "t")
            assert browser.get(address).status_code == 200
    with TestClient(app) as browser:
        browser.cookies.set("access-token-unsecure-c", "t")
        assert browser.get(address).status_code == 502


def test_without_the_route_a_clip_is_a_file_that_the_host_serves(
    gradio_app: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(host, "cache_folder", lambda: tmp_path)
    if os.name == "posix":  # as one that another reply has cleared away just now
        (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere")
    gradio_app.create_app = staticmethod(lambda: object())
    with running() as stub:
        client = Client(stub.address)
        audio = routes.Audio(lambda: client)
        audio.install()
        gradio_app.create_app()
        assert not audio.by_route
        assert "sound travels as files" in caplog.text
        opened = client.open_narration({"text": "One. ", "final": True})
        list(client.events(opened["id"]).events())
        clip = {"narration": opened["id"], "index": 0}
        audio.store(clip)
        assert audio.address(clip) == f"file/{tmp_path.as_posix()}/{opened['id']}-0.wav"
        assert (tmp_path / f"{opened['id']}-0.wav").read_bytes().startswith(b"RIFF")


def test_only_voices_of_the_engine_that_speaks_are_offered_to_be_mixed() -> None:
    listed = [
        {"id": "nova", "name": "Nova", "engine": "kokoro", "kind": "openai"},
        {"id": "af_heart", "name": "Heart", "engine": "kokoro", "kind": "builtin"},
        {"id": "xtts:Ana Florence", "name": "Ana Florence (XTTS v2)", "engine": "xtts", "kind": "builtin"},
    ]

    class Listing:
        def voices(self) -> list[dict[str, Any]]:
            return listed

        def rvc_voices(self) -> list[str]:
            return []

    voices = VoiceList(lambda: Listing())  # type: ignore[arg-type, return-value]
    voices.refresh()
    assert voices.own() == [("Heart", "af_heart")]
    assert ("Ana Florence (XTTS v2)", "xtts:Ana Florence") in voices.options("Default voice")
