"""Speech by AllTalk's form: which voice says what, and what is refused in AllTalk's shape; previews."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.api.alltalk import FORM, HIGH, LOW, PAGE, failure, generate, samples, seconds_of, spoken

pytestmark = pytest.mark.api


def test_a_form_is_answered_with_where_the_file_is(http: httpx.Client) -> None:
    answer = generate(http)
    body = answer.json()
    assert set(body) == {"status", "output_file_path", "output_file_url", "output_cache_url"}
    name = body["output_file_path"]
    assert re.fullmatch(r"st_output_\d{10}_[\w-]{22}\.wav", name)
    assert body["output_file_url"] == f"/audio/{name}"
    assert body["output_cache_url"] == f"/audiocache/{name}"
    sound = http.get(body["output_file_url"], headers=PAGE)
    assert sound.headers["content-type"] == "audio/wav"
    assert sound.headers["access-control-allow-origin"] == PAGE["Origin"]
    assert seconds_of(HIGH, samples(sound.content)) > 0.4


def test_only_the_text_is_needed(http: httpx.Client) -> None:
    assert http.post("/api/tts-generate", data={"text_input": "Hi."}).json()["status"] == "generate-success"


def test_multipart_is_a_form_too(http: httpx.Client) -> None:
    fields: Any = {name: (None, value) for name, value in FORM.items()}
    assert http.post("/api/tts-generate", files=fields).json()["status"] == "generate-success"


@pytest.mark.parametrize("unset", ["null", "undefined", "", "Please set a voice", "None"])
def test_what_nobody_has_set_is_left_to_the_server(http: httpx.Client, unset: str) -> None:
    changes = {
        "narrator_voice_gen": unset,
        "rvccharacter_voice_gen": unset,
        "rvcnarrator_voice_gen": unset,
        "rvccharacter_pitch": unset,
        "rvcnarrator_pitch": unset,
        "language": unset,
        "speed": unset,
    }
    sound = spoken(http, text_input='*They wave wildly.* "Hello wonderful people."', narrator_enabled="true", **changes)
    # With no narrator's voice the character's narrates.
    assert seconds_of(HIGH, sound) > 1.5
    assert seconds_of(LOW, sound) == 0


@pytest.mark.parametrize("voice", ["high", "high.wav", "HIGH.WAV", " high "])
def test_a_voice_may_end_in_wav(http: httpx.Client, voice: str) -> None:
    assert seconds_of(HIGH, spoken(http, character_voice_gen=voice)) > 0.4


def test_openai_s_names_and_blends_are_voices(http: httpx.Client) -> None:
    assert generate(http, character_voice_gen="nova").status_code == 200
    blend = spoken(http, character_voice_gen="high+low", text_input="wonderfully wonderful")
    assert seconds_of((HIGH + LOW) / 2, blend) > 0.5


def test_asterisks_are_not_spoken_and_one_voice_reads_all_without_a_narrator(http: httpx.Client) -> None:
    marked = spoken(http, text_input="*waves happily* Hello there, wonderful people.")
    plain = spoken(http, text_input="waves happily Hello there, wonderful people.")
    assert seconds_of(HIGH, marked) == pytest.approx(seconds_of(HIGH, plain), abs=0.15)
    assert seconds_of(LOW, marked) == 0


STORY = '*The curtains are opening slowly.* "Welcome everybody to tonight." Meanwhile somebody is laughing loudly.'


@pytest.mark.parametrize(
    ("enabled", "outside", "low", "high"),
    [
        ("true", "character", True, "both"),
        ("True", "narrator", "both", True),
        ("true", "silent", True, True),
        ("silent", "character", False, "both"),
        ("silent", "silent", False, True),
    ],
)
def test_narrator_and_character(
    http: httpx.Client, enabled: str, outside: str, low: bool | str, high: bool | str
) -> None:
    sound = spoken(http, text_input=STORY, narrator_enabled=enabled, text_not_inside=outside)
    for pitch, expected in ((LOW, low), (HIGH, high)):
        heard = seconds_of(pitch, sound)
        # Each of the three sentences hums for 1.5 to 2.5 s.
        assert {False: 0, True: 1, "both": 2}[expected] == round(heard / 2), heard


def test_a_text_of_which_nothing_is_spoken_is_a_silence(http: httpx.Client) -> None:
    sound = spoken(http, text_input="*She nods.*", narrator_enabled="silent")
    assert len(sound) >= 0.29 * 24000
    assert not sound.any()


def test_html_is_text(http: httpx.Client) -> None:
    written = spoken(http, text_input="It isn't <b>loud</b> here", text_filtering="html")
    escaped = spoken(http, text_input="It isn&#x27;t loud here", text_filtering="html")
    assert np.array_equal(written, escaped)


def test_speed_and_pitch(http: httpx.Client) -> None:
    text = "wonderful " * 6
    usual = spoken(http, text_input=text)
    assert len(spoken(http, text_input=text, speed="2")) == pytest.approx(len(usual) / 2, rel=0.05)
    assert len(spoken(http, text_input=text, speed="1,5")) == pytest.approx(len(usual) / 1.5, rel=0.05)
    assert seconds_of(HIGH * 2, spoken(http, text_input=text, pitch="12")) > 2


def test_rvc_fields_do_nothing_while_rvc_is_off(http: httpx.Client) -> None:
    fields = {"rvccharacter_voice_gen": "folder/file.pth", "rvccharacter_pitch": "3", "rvcnarrator_pitch": "-24"}
    assert generate(http, **fields, rvcnarrator_voice_gen="Disabled").status_code == 200


def test_autoplay_plays_on_the_server_s_machine(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[Path] = []
    can_play = True

    def play(path: Path) -> bool:
        played.append(path)
        return can_play

    monkeypatch.setattr("server.api.alltalk.play", play)
    answer = generate(http, autoplay="True").json()
    assert [path.name for path in played] == [answer["output_file_path"]]
    assert "message" not in answer
    can_play = False
    assert "nothing to play" in generate(http, autoplay="true").json()["message"]


# Refusals


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text_input": None}, "text_input"),
        ({"text_input": ""}, "text_input"),
        ({"text_input": "x" * 500_001}, "text_input"),
        ({"character_voice_gen": "bob"}, "bob"),
        ({"character_voice_gen": "../../etc/passwd"}, "passwd"),
        ({"narrator_enabled": "perhaps"}, "narrator_enabled"),
        ({"narrator_enabled": "true", "narrator_voice_gen": "bob"}, "bob"),
        ({"text_filtering": "some"}, "text_filtering"),
        ({"text_not_inside": "anybody"}, "text_not_inside"),
        ({"language": "tlh"}, "tlh"),
        ({"language": "!!"}, "language"),
        ({"output_file_name": "../escaped"}, "output_file_name"),
        ({"output_file_timestamp": "perhaps"}, "output_file_timestamp"),
        ({"speed": "fast"}, "speed"),
        ({"speed": "9"}, "speed"),
        ({"pitch": "NaN"}, "pitch"),
        ({"rvccharacter_pitch": "25"}, "rvccharacter_pitch"),
        ({"autoplay_volume": "2"}, "autoplay_volume"),
    ],
)
def test_refusals_have_alltalk_s_shape_and_name_the_field(
    http: httpx.Client, changes: dict[str, object], words: str
) -> None:
    assert words in failure(generate(http, **changes), 400)


def test_a_narrator_that_is_off_needs_no_voice(http: httpx.Client) -> None:
    assert generate(http, narrator_voice_gen="nobody").status_code == 200


def test_json_is_not_a_form(http: httpx.Client) -> None:
    assert "form" in failure(http.post("/api/tts-generate", json=FORM), 415)


def test_a_failing_engine_is_an_error(http: httpx.Client) -> None:
    failure(generate(http, text_input="toneerror"), 500)
    # The narrator's part failing does not leave half a success either.
    failure(generate(http, text_input='*toneerror* "Fine."', narrator_enabled="true"), 500)


def test_methods_that_are_none(http: httpx.Client) -> None:
    failure(http.get("/api/tts-generate"), 405)
    failure(http.post("/api/stop-generation"), 405, "error")


def test_a_request_without_a_body_is_told_what_is_missing(http: httpx.Client) -> None:
    answer = http.post("/api/tts-generate")
    assert answer.status_code == 415
    assert answer.json()["message"].endswith("multipart/form-data); the request has no Content-Type.")


# Previews


@pytest.mark.parametrize("path", ["/api/previewvoice/", "/api/previewvoice"])
def test_previews_have_names_of_their_own(http: httpx.Client, path: str) -> None:
    fields = {"voice": "high.wav", "rvccharacter_voice_gen": "null", "rvccharacter_pitch": "0"}
    answers = [http.post(path, data=fields).json() for _ in range(2)]
    assert answers[0]["status"] == "generate-success"
    assert answers[0]["output_file_url"] != answers[1]["output_file_url"]
    assert seconds_of(HIGH, samples(http.get(answers[0]["output_file_url"]).content)) > 1


def test_previews_refuse_in_the_same_shape(http: httpx.Client) -> None:
    assert "bob" in failure(http.post("/api/previewvoice/", data={"voice": "bob"}), 400)
    assert "rvccharacter_pitch" in failure(
        http.post("/api/previewvoice/", data={"voice": "high", "rvccharacter_pitch": "99"}), 400
    )
