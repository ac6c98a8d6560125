"""POST /v1/audio/speech: what it says, how it refuses."""

from __future__ import annotations

import base64
import io
import json
import socket
import threading
import time
import wave
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
import soundfile

from server.port import bind
from server.settings import load_settings
from server.voices.names import OPENAI_NAMES
from tests.running import Running, running, wait_for

pytestmark = pytest.mark.api

BODY = {"model": "any", "input": "Hello, this is a test.", "voice": "nova"}


@pytest.fixture
def sdk(served: Running) -> Iterator[openai.OpenAI]:
    """The official client."""
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key="any", max_retries=0) as client:
        yield client


def speak(http: httpx.Client, **changes: object) -> httpx.Response:
    return http.post("/v1/audio/speech", json={**BODY, **changes})


def seconds_of_wav(data: bytes) -> float:
    with wave.open(io.BytesIO(data)) as sound:
        return sound.getnframes() / sound.getframerate()


@pytest.mark.parametrize("name", OPENAI_NAMES)
def test_all_thirteen_names_speak(sdk: openai.OpenAI, name: str) -> None:
    answer = sdk.audio.speech.create(model="tts-1", input="Hi.", voice=name, response_format="wav")
    assert seconds_of_wav(answer.content) > 0.1


@pytest.mark.parametrize(
    ("name", "media_type", "magic"),
    [
        ("mp3", "audio/mpeg", b"\xff"),
        ("opus", "audio/ogg", b"OggS"),
        ("ogg", "audio/ogg", b"OggS"),
        ("aac", "audio/aac", b"\xff\xf1"),
        ("flac", "audio/flac", b"fLaC"),
        ("wav", "audio/wav", b"RIFF"),
        ("pcm", "audio/pcm", b""),
    ],
)
def test_formats_streamed_and_whole_are_the_same(
    sdk: openai.OpenAI, http: httpx.Client, name: str, media_type: str, magic: bytes
) -> None:
    whole = speak(http, response_format=name.upper())
    assert whole.headers["content-type"] == media_type
    assert whole.content.startswith(magic)
    streamed = io.BytesIO()
    with sdk.audio.speech.with_streaming_response.create(
        model="tts-1", input=BODY["input"], voice="nova", response_format=name  # type: ignore[arg-type]
    ) as answer:
        for data in answer.iter_bytes():
            streamed.write(data)
    if name in ("opus", "ogg"):  # Ogg streams carry a random serial number
        one, _ = soundfile.read(io.BytesIO(whole.content))
        two, _ = soundfile.read(io.BytesIO(streamed.getvalue()))
        assert np.allclose(one, two, atol=1e-3)
    else:
        assert streamed.getvalue() == whole.content


def test_mp3_is_the_default(http: httpx.Client) -> None:
    assert speak(http).headers["content-type"] == "audio/mpeg"


def test_a_short_wav_tells_its_length(http: httpx.Client) -> None:
    answer = speak(http, response_format="wav")
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert 0.9 < seconds_of_wav(answer.content) < 1.6


def test_a_long_wav_streams_without_a_length(http: httpx.Client) -> None:
    answer = speak(http, response_format="wav", input="A sentence of words. " * 20)
    assert "content-length" not in answer.headers
    assert answer.content[4:8] == b"\xff\xff\xff\xff"
    assert answer.content[40:44] == b"\xff\xff\xff\xff"


@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.25, 2, 4])
def test_speed_changes_the_length_and_not_the_pitch(http: httpx.Client, speed: float) -> None:
    text = "wonderful " * 12
    usual = speak(http, input=text, response_format="wav", voice="high", speed=1).content[44:]
    changed = speak(http, input=text, response_format="wav", voice="high", speed=speed).content[44:]
    assert len(changed) / len(usual) == pytest.approx(1 / speed, rel=0.04)
    assert _pitch(changed) == pytest.approx(220, rel=0.03)


def _pitch(data: bytes) -> float:
    samples = np.frombuffer(data, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 24000 / len(samples))


@pytest.mark.parametrize("text", ["...", "😀🎉", "***", "```\ncode\n```", "[pause:0.5s]"])
def test_text_without_words_is_a_short_silence(http: httpx.Client, text: str) -> None:
    answer = speak(http, input=text, response_format="wav")
    assert answer.status_code == 200
    sound = np.frombuffer(answer.content[44:], "<i2")
    assert len(sound) >= 0.29 * 24000
    assert not sound.any()


@pytest.mark.parametrize(
    "changes",
    [
        {"voice": " Nova "},
        {"voice": "NOVA.wav"},
        {"voice": {"id": "nova"}},
        {"voice": "high(2)+low(1)"},
        {"voice": "female_02.wav"},
        {"speed": "1.5"},
        {"response_format": "WAV"},
        {"response_format": None},
        {"instructions": "whisper"},
        {"stream": True, "anything": {"else": 1}},
        {"language": "de"},
        {"language": "auto"},
        {"input": "x" * 4096},
    ],
)
def test_what_is_forgiven(http: httpx.Client, changes: dict[str, object]) -> None:
    assert speak(http, **changes).status_code == 200


@pytest.mark.parametrize(
    ("changes", "param", "words"),
    [
        ({"voice": "bob"}, "voice", "Supported values are: 'alloy'"),
        ({"voice": "hihg"}, "voice", "Did you mean 'high'"),
        ({"voice": "high(0)+low(1)"}, "voice", "weight"),
        ({"voice": {"name": "nova"}}, "voice", "string"),
        ({"voice": ""}, "voice", ""),
        ({"model": None}, "model", "model"),
        ({"input": ""}, "input", "1 to 4096"),
        ({"input": "x" * 4097}, "input", "4097"),
        ({"input": 5}, "input", "string"),
        ({"speed": 0.2}, "speed", "0.25"),
        ({"speed": 4.1}, "speed", "4"),
        ({"speed": "fast"}, "speed", "number"),
        ({"speed": "NaN"}, "speed", ""),
        ({"response_format": "mp4"}, "response_format", "m4a"),
        ({"response_format": "exe"}, "response_format", "mp3"),
        ({"stream_format": "video"}, "stream_format", "sse"),
        ({"language": "tlh"}, "language", "en"),
        ({"language": "!!"}, "language", ""),
    ],
)
def test_refusals_name_the_field_and_what_is_accepted(
    http: httpx.Client, changes: dict[str, object], param: str, words: str
) -> None:
    answer = speak(http, **changes)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert isinstance(error["code"], str)
    assert words in error["message"]


@pytest.mark.parametrize("missing", ["model", "input", "voice"])
def test_missing_fields(http: httpx.Client, missing: str) -> None:
    body = {name: value for name, value in BODY.items() if name != missing}
    answer = http.post("/v1/audio/speech", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "missing_required_parameter"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/audio/speech", 405),
        ("GET", "/v1/nothing", 404),
        ("POST", "/v1", 404),
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/openai-voicemap", 405),
        ("GET", "/v1/models/unknown", 404),
    ],
)
def test_unknown_paths_and_methods_have_the_envelope(
    http: httpx.Client, method: str, path: str, status: int
) -> None:
    answer = http.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"input=hi", "application/x-www-form-urlencoded", 415),
        (json.dumps(BODY).encode(), "text/plain", 415),
        (b"{" + b" " * 1_100_000, "application/json", 413),
    ],
)
def test_bodies_that_are_none(http: httpx.Client, content: bytes, kind: str, status: int) -> None:
    answer = http.post("/v1/audio/speech", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert "message" in answer.json()["error"]


def test_the_sdk_sees_what_it_parses(sdk: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        sdk.audio.speech.create(model="tts-1", input="hi", voice="bob")
    assert refusal.value.param == "voice"
    assert refusal.value.code == "invalid_value"
    assert refusal.value.request_id
    assert refusal.value.request_id.startswith("req_")


def test_sse_carries_the_format_and_ends_with_usage(http: httpx.Client) -> None:
    answer = speak(http, stream_format="sse", response_format="mp3", timestamps="word")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line]
    sound = b"".join(base64.b64decode(e["audio"]) for e in events if e["type"] == "speech.audio.delta")
    assert sound == speak(http, response_format="mp3").content
    words = [w for e in events if e["type"] == "speech.audio.words" for w in e["words"]]
    assert [w["word"] for w in words] == ["Hello,", "this", "is", "a", "test."]
    assert all(a["end"] <= b["start"] + 0.02 for a, b in pairwise(words))
    assert events[-1]["type"] == "speech.audio.done"
    usage = events[-1]["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_a_failure_before_the_first_byte_is_an_error(http: httpx.Client) -> None:
    answer = speak(http, input="toneerror")
    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "server_error"


def test_a_failure_after_the_first_byte_cuts_the_connection(http: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        speak(http, response_format="pcm", input="A first sentence that is fine. " * 6 + "toneerror is here.")


def test_a_crash_in_silence_is_unseen_and_one_in_sound_is_not(http: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        speak(http, response_format="pcm", input="A first sentence that is fine. " * 6 + "A tonecrash is here.")
    wait_for(lambda: http.get("/api/ready").text == "Ready")
    assert speak(http).status_code == 200


def test_sixty_at_once_are_served_or_told_to_come_back(tmp_path: Path) -> None:
    with running(tmp_path, engine__options='{"tone": {"delay": 0.3}}') as server:
        answers: list[httpx.Response] = []

        def one() -> None:
            with server.http() as client:
                answers.append(speak(client, response_format="wav"))

        threads = [threading.Thread(target=one) for _ in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 60
    good = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(good) >= 16
    assert len(good) + len(refused) == 60
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert {answer.json()["error"]["code"] for answer in refused} == {"server_overloaded"}
    assert len({answer.content for answer in good}) == 1


def test_a_client_that_leaves_stops_its_synthesis(tmp_path: Path) -> None:
    with running(tmp_path, engine__options='{"tone": {"delay": 2.0}}') as server, server.http() as client:
        body = {**BODY, "input": "word " * 200, "response_format": "pcm"}
        with client.stream("POST", "/v1/audio/speech", json=body) as answer:
            sound = answer.iter_raw()  # held, since an iterator that is dropped hangs up
            next(sound)
            assert server.troupe.speech.scheduler.open == 1
        left = time.monotonic()
        wait_for(lambda: server.troupe.speech.scheduler.open == 0, 5)
        assert time.monotonic() - left < 5
        with pytest.raises(httpx.ReadTimeout):  # before the first byte, too
            client.post(
                "/v1/audio/speech", json={**body, "response_format": "wav", "input": "word " * 30}, timeout=0.5
            )
        wait_for(lambda: server.troupe.speech.scheduler.open == 0, 5)


def test_models_resolve(http: httpx.Client, sdk: openai.OpenAI) -> None:
    for model in sdk.models.list():
        assert sdk.models.retrieve(model.id).id == model.id
    assert {m["id"] for m in http.get("/v1/audio/models").json()["models"]} >= {"tts-1", "kokoro"}


def test_voices_list_the_names_first(http: httpx.Client) -> None:
    voices = http.get("/v1/audio/voices").json()["voices"]
    assert [voice["id"] for voice in voices[:13]] == list(OPENAI_NAMES)
    assert set(voices[0]) == {
        "id", "name", "engine", "languages", "gender", "licence", "preview_url", "kind"
    }
    assert http.get(voices[0]["preview_url"]).headers["content-type"] == "audio/mpeg"


def test_metrics_count(http: httpx.Client) -> None:
    speak(http)
    text = http.get("/metrics").text
    assert 'troupe_requests_total{outcome="spoken"}' in text
    for name in ("first_audio_seconds_bucket", "real_time_factor_bucket", "queue", "worker_restarts"):
        assert f"troupe_{name}" in text


def test_every_answer_has_an_id(http: httpx.Client) -> None:
    ids = {http.get(path).headers["x-request-id"] for path in ("/health", "/v1/nothing", "/api/ready")}
    assert len(ids) == 3


def test_half_a_character_is_replaced_and_not_fatal(http: httpx.Client) -> None:
    body = b'{"model": "x", "input": "Hi \\ud83d there", "voice": "nova", "response_format": "wav"}'
    answer = http.post("/v1/audio/speech", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 200
    assert speak(http).status_code == 200


def test_a_kept_connection_answers_without_delay(tmp_path: Path) -> None:
    """Without TCP_NODELAY each answer would wait 40 ms for an acknowledgement."""
    bound = bind(load_settings(None, {"TROUPE_SERVER__PORT": "0"}, tmp_path))
    try:
        assert {each.proto for each in bound} == {socket.IPPROTO_TCP}
    finally:
        for each in bound:
            each.close()
