"""AllTalk's routes as its clients call them, SillyTavern's provider first of all."""

from __future__ import annotations

import io
import os
import re
import threading
import time
import wave
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from server.engines.table import ENGINES
from tests.running import Running, running, wait_for

pytestmark = pytest.mark.api

FORM = {
    "text_input": "Hello there.",
    "text_filtering": "standard",
    "character_voice_gen": "high.wav",
    "narrator_enabled": "false",
    "narrator_voice_gen": "low.wav",
    "text_not_inside": "character",
    "language": "en",
    "output_file_name": "st_output",
    "output_file_timestamp": "true",
    "autoplay": "false",
    "autoplay_volume": "0.8",
}
"""What SillyTavern's provider sends."""
PAGE = {"Origin": "http://localhost:8000"}
HIGH, LOW = 220.0, 110.0


def generate(http: httpx.Client, **changes: object) -> httpx.Response:
    fields = {name: value for name, value in {**FORM, **changes}.items() if value is not None}
    return http.post("/api/tts-generate", data=fields, headers={**PAGE, "Cache-Control": "no-cache"})


def spoken(http: httpx.Client, **changes: object) -> np.ndarray:
    """The samples of the file that a form is answered with."""
    answer = generate(http, **changes)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "generate-success"
    return samples(http.get(answer.json()["output_file_url"]).content)


def samples(wav: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(wav)) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(float)


def seconds_of(pitch: float, sound: np.ndarray) -> float:
    """How long a voice of the tone engine hums."""
    size = 2400
    frames = sound[: len(sound) // size * size].reshape(-1, size) * np.hanning(size)
    spectra = np.abs(np.fft.rfft(frames, 4 * size))
    peaks = np.argmax(spectra, axis=1) * 24000 / (4 * size)
    return float(np.sum((np.abs(peaks - pitch) < 12) & (spectra.max(axis=1) > 1e5)) * size / 24000)


def failure(answer: httpx.Response, status: int, state: str = "generate-failure") -> str:
    """The message of a refusal in AllTalk's shape."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"status", "error", "message"}
    assert body["status"] == state
    assert body["error"] == body["message"]
    return str(body["message"])


# What clients ask for when they start


def test_ready_is_one_bare_word(http: httpx.Client) -> None:
    answer = http.get("/api/ready", headers=PAGE)
    assert answer.content == b"Ready"
    assert answer.headers["access-control-allow-origin"] == PAGE["Origin"]


def test_voices_are_names(http: httpx.Client) -> None:
    body = http.get("/api/voices").json()
    assert body["status"] == "success"
    assert body["voices"][:2] == ["low", "mid"]


def test_rvc_voices_begin_with_none(http: httpx.Client) -> None:
    body = http.get("/api/rvcvoices").json()
    assert body["status"] == "success"
    assert body["rvcvoices"] == ["Disabled"]


def test_current_settings_have_all_that_alltalk_s_have(http: httpx.Client) -> None:
    body = http.get("/api/currentsettings").json()
    capable = {
        f"{what}_capable"
        for what in ("deepspeed", "generationspeed", "lowvram", "pitch", "repetitionpenalty", "streaming")
    }
    capable |= {f"{what}_capable" for what in ("temperature", "languages", "multivoice", "multimodel")}
    settings = {f"{what}_set" for what in ("generationspeed", "pitch", "repetitionpenalty", "temperature")}
    assert set(body) == capable | settings | {
        "engines_available",
        "current_engine_loaded",
        "models_available",
        "current_model_loaded",
        "manufacturer_name",
        "audio_format",
        "deepspeed_available",
        "deepspeed_enabled",
        "lowvram_enabled",
        "ttsengines_installed",
    }
    assert body["current_engine_loaded"] == body["current_model_loaded"] == "tone"
    assert {"name": "tone"} in body["models_available"]
    assert "tone" in body["engines_available"]


# Speech by form


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


def test_names_are_never_the_same(http: httpx.Client) -> None:
    urls = {generate(http, output_file_timestamp=stamp).json()["output_file_url"] for stamp in ("true", "False") * 2}
    assert len(urls) == 4


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


# Files


def test_a_preflight_lets_cache_control_and_authorization_pass(http: httpx.Client) -> None:
    asked = {
        **PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,cache-control",
    }
    answer = http.request("OPTIONS", "/api/tts-generate", headers=asked)
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] == PAGE["Origin"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert "cache-control" in allowed
    assert "authorization" in allowed
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert int(answer.headers["access-control-max-age"]) >= 600


@pytest.mark.parametrize("folder", ["output_file_url", "output_cache_url"])
def test_files_are_seekable(http: httpx.Client, folder: str) -> None:
    url = generate(http).json()[folder]
    whole = http.get(url)
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert ("max-age=604800" in whole.headers.get("cache-control", "")) == (folder == "output_cache_url")
    part = http.get(url, headers={"Range": "bytes=44-1043"})
    assert part.status_code == 206
    assert part.content == whole.content[44:1044]
    assert part.headers["content-range"] == f"bytes 44-1043/{len(whole.content)}"
    assert http.get(url, headers={"Range": f"bytes={len(whole.content)}-"}).status_code == 416
    head = http.head(url)
    assert (head.status_code, int(head.headers["content-length"])) == (200, len(whole.content))


@pytest.mark.parametrize(
    "path",
    [
        "/audio/nothing.wav",
        "/audiocache/nothing.wav",
        "/audio/..%2Fvoicemap.yaml",
        "/audio/%2e%2e%2fvoicemap.yaml",
        "/audio/..%5Cvoicemap.yaml",
        "/audio/",
    ],
)
def test_no_other_file_is_served(served: Running, http: httpx.Client, path: str) -> None:
    (served.home / "voicemap.yaml").touch()
    failure(http.get(path), 404, "error")


def test_old_files_are_pruned(tmp_path: Path) -> None:
    with running(tmp_path, audio__keep_hours="1") as server, server.http() as http:
        urls = [generate(http).json()["output_file_url"] for _ in range(2)]
        old = server.home / "audio" / urls[0].rpartition("/")[2]
        then = time.time() - 3601
        os.utime(old, (then, then))
        assert server.troupe.audio.prune() == 1
        assert [http.get(url).status_code for url in urls] == [404, 200]


# Streaming


def stream_query(**changes: object) -> dict[str, Any]:
    usual = {"text": "Hello there.", "voice": "high.wav", "language": "en", "output_file": "stream_output.wav"}
    return {**usual, **changes}


def test_streaming_is_wav(http: httpx.Client) -> None:
    answer = http.get("/api/tts-generate-streaming", params=stream_query())
    assert answer.headers["content-type"] == "audio/wav"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content[:4] == b"RIFF"
    assert seconds_of(HIGH, np.frombuffer(answer.content[44:], "<i2").astype(float)) > 0.4


def test_an_audio_element_of_another_site_is_played_mp3(http: httpx.Client) -> None:
    """The page may be anybody's: an element sends no Origin, and only plays."""
    element = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Dest": "audio", "Range": "bytes=0-"}
    path = "/api/tts-generate-streaming"
    answer = http.get(path, params=stream_query(), headers=element)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
    assert answer.content[:2] in (b"ID", b"\xff\xfb")
    for dest in ("image", "script", "empty", "document"):
        refused = http.get(path, params=stream_query(), headers={**element, "Sec-Fetch-Dest": dest})
        assert "--allow-origin" in failure(refused, 403)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": None}, "text"),
        ({"text": ""}, "text"),
        ({"voice": None}, "voice"),
        ({"voice": "bob"}, "bob"),
        ({"language": "!!"}, "language"),
        ({"language": "tlh"}, "tlh"),
        ({"text": "y" * 50_001}, "text"),
    ],
)
def test_streaming_refuses_before_it_streams(http: httpx.Client, changes: dict[str, object], words: str) -> None:
    asked = {name: value for name, value in stream_query(**changes).items() if value is not None}
    answer = http.get("/api/tts-generate-streaming", params=asked)
    assert words in failure(answer, 400)


def test_streaming_of_a_failing_engine(http: httpx.Client) -> None:
    failure(http.get("/api/tts-generate-streaming", params=stream_query(text="toneerror")), 500)
    late = "A first sentence that is fine. " * 6 + "toneerror is here."
    with pytest.raises(httpx.RemoteProtocolError):
        http.get("/api/tts-generate-streaming", params=stream_query(text=late))


def test_streaming_by_form_makes_a_file(http: httpx.Client) -> None:
    answer = http.post("/api/tts-generate-streaming", data=stream_query(output_file="../escaped"))
    name = answer.json()["output_file_path"]
    assert re.fullmatch(r"stream_output_\d{10}_[\w-]{22}\.wav", name)
    assert http.get(answer.json()["output_file_url"]).status_code == 200


@pytest.mark.parametrize("changes", [{"text": ""}, {"language": "!!"}, {"voice": "bob"}])
def test_streaming_by_form_refuses(http: httpx.Client, changes: dict[str, str]) -> None:
    failure(http.post("/api/tts-generate-streaming", data=stream_query(**changes)), 400)


# Previews and switches


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


@pytest.mark.parametrize("route", ["deepspeed?new_deepspeed_value", "lowvramsetting?new_low_vram_value"])
def test_switches_that_no_engine_has(http: httpx.Client, route: str) -> None:
    assert http.post(f"/api/{route}=False").json()["status"] == "success"
    on = http.post(f"/api/{route}=True")
    assert on.status_code == 200
    assert on.json()["status"] == "error"
    assert "Tone" in on.json()["message"]
    failure(http.post(f"/api/{route}=perhaps"), 400, "error")
    failure(http.post(f"/api/{route.partition('?')[0]}"), 400, "error")


def test_low_vram_is_switched_where_the_engine_has_it(tmp_path: Path) -> None:
    engines = {**ENGINES, "shy": "tests.api.bell_engine:Shy"}
    with running(tmp_path, engines=engines, engine__name="shy") as server, server.http() as client:
        worker = server.troupe.registry.worker_pid
        before = client.get("/api/currentsettings").json()
        assert (before["lowvram_capable"], before["lowvram_enabled"]) == (True, False)
        off = client.post("/api/lowvramsetting?new_low_vram_value=False").json()
        assert off == {"status": "success", "message": "LowVRAM is already off."}
        assert client.post("/api/lowvramsetting?new_low_vram_value=True").json()["status"] == "lowvram-success"
        assert client.get("/api/currentsettings").json()["lowvram_enabled"] is True
        assert server.troupe.registry.worker_pid not in (worker, None), "such an option wants the engine loaded again"
        assert "low_vram: true" in (tmp_path / "settings.yaml").read_text(encoding="utf-8")
        again = client.post("/api/lowvramsetting?new_low_vram_value=True").json()
        assert again == {"status": "success", "message": "LowVRAM is already on."}
        assert generate(client, character_voice_gen="ding").status_code == 200


def test_reloading_the_current_engine(http: httpx.Client) -> None:
    assert http.post("/api/reload", params={"tts_method": "tone"}).json() == {"status": "model-success"}
    assert http.post("/api/enginereload", params={"engine": "Tone"}).json() == {"status": "engine-success"}
    assert http.get("/api/ready").text == "Ready"


@pytest.mark.parametrize("route", ["reload?tts_method=", "enginereload?engine="])
def test_reloading_an_unknown_engine_leaves_the_old_one(http: httpx.Client, route: str) -> None:
    assert "xtts9" in failure(http.post(f"/api/{route}xtts9"), 404, "error")
    assert http.get("/api/ready").text == "Ready"
    assert generate(http).status_code == 200


def test_settings_are_read_again(served: Running, http: httpx.Client) -> None:
    mine = served.home / "settings.yaml"
    mine.write_text("openai: {default_format: wav}\n", encoding="utf-8")
    try:
        answer = http.get("/api/reload_config")
        assert answer.text == "Config file reloaded successfully"
        assert served.troupe.settings.now.openai.default_format == "wav"
        mine.write_text("openai: {default_fromat: wav}\n", encoding="utf-8")
        assert "default_fromat" in failure(http.get("/api/reload_config"), 500, "error")
        assert served.troupe.settings.now.openai.default_format == "wav"
    finally:
        mine.unlink()
        http.get("/api/reload_config")


# Stopping


def test_stopping_nothing_is_fine(http: httpx.Client) -> None:
    assert http.put("/api/stop-generation").json() == {"message": "Nothing is being generated"}


def test_stopping_leaves_what_others_listen_to_and_says_so(tmp_path: Path) -> None:
    slow = {"engine__options": '{"tone": {"delay": 2.0}}'}
    with running(tmp_path, **slow) as server, server.http() as http, server.http() as third:
        body = {"model": "x", "input": "I " + "word " * 20, "voice": "low", "response_format": "pcm"}
        with third.stream("POST", "/v1/audio/speech", json=body) as speech:
            sound = speech.iter_raw()
            next(sound)
            said = http.put("/api/stop-generation").json()["message"]
            assert said == "Nothing is being generated by AllTalk's routes; 1 request of other routes goes on"
            answers: list[httpx.Response] = []
            form = threading.Thread(target=lambda: answers.append(generate(http, text_input="word " * 100)))
            form.start()
            wait_for(lambda: server.troupe.speech.scheduler.open == 2)
            said = http.put("/api/stop-generation").json()["message"]
            assert said == "Cancelling current TTS generation; 1 request of other routes goes on"
            form.join()
            assert "stopped" in failure(answers[0], 499)
            next(sound)
            assert server.troupe.speech.scheduler.open == 1


def test_stopping_ends_generations_inside_the_sentence(tmp_path: Path) -> None:
    with running(tmp_path, engine__options='{"tone": {"delay": 2.0}}') as server, server.http() as http:
        answers: dict[str, object] = {}

        def by_form() -> None:
            with server.http() as client:
                answers["form"] = generate(client, text_input="word " * 100)

        def by_stream() -> None:
            asked = stream_query(text="word " * 100)
            with server.http() as client:
                try:
                    answers["stream"] = client.get("/api/tts-generate-streaming", params=asked)
                except httpx.RemoteProtocolError as cut:
                    answers["stream"] = cut

        threads = [threading.Thread(target=work) for work in (by_form, by_stream)]
        for thread in threads:
            thread.start()
        wait_for(lambda: server.troupe.speech.scheduler.open == 2)
        stopped = time.monotonic()
        assert http.put("/api/stop-generation").json() == {"message": "Cancelling current TTS generation"}
        for thread in threads:
            thread.join()
        assert time.monotonic() - stopped < 5
        assert server.troupe.speech.scheduler.open == 0
        form = answers["form"]
        assert isinstance(form, httpx.Response)
        assert "stopped" in failure(form, 499)
        stream = answers["stream"]
        assert isinstance(stream, httpx.RemoteProtocolError) or failure(stream, 499)  # type: ignore[arg-type]
        assert generate(http, text_input="Hi.").status_code == 200
