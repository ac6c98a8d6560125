"""``/api/voices``: blends and clones, their settings, previews, and the way back from the trash."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import pytest
import soundfile

from tests.running import running, wait_for

pytestmark = pytest.mark.api


@pytest.fixture(autouse=True)
def _none_of_ours_stays(http: httpx.Client) -> Iterator[None]:
    yield
    for voice in http.get("/v1/audio/voices").json()["voices"]:
        if voice["kind"] in ("blend", "clone"):
            http.delete(f"/api/voices/{voice['id']}").raise_for_status()


def hum(pitch: float, seconds: float = 8.0, rate: int = 24_000) -> bytes:
    """A recording, as WAV."""
    at = np.arange(round(rate * seconds)) / rate
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((8000 * np.sin(2 * np.pi * pitch * at)).astype("<i2").tobytes())
    return data.getvalue()


def clone(http: httpx.Client, clip: bytes | None = None, **fields: str | None) -> httpx.Response:
    given = {"name": "Ann", "consent": "true", **fields}
    files = [("clip", ("ann.wav", hum(200) if clip is None else clip, "audio/wav"))]
    return http.post("/api/voices", data={k: v for k, v in given.items() if v is not None}, files=files)


def blend(http: httpx.Client, name: str = "Mixed", recipe: str = "high(2)+low(1)") -> httpx.Response:
    return http.post("/api/voices", json={"name": name, "blend": recipe})


def listed(http: httpx.Client) -> dict[str, dict[str, Any]]:
    return {voice["id"]: voice for voice in http.get("/v1/audio/voices").json()["voices"]}


def pcm(http: httpx.Client, voice: str, text: str = "wonderful wonderful") -> np.ndarray:
    body = {"model": "any", "input": text, "voice": voice, "response_format": "pcm"}
    answer = http.post("/v1/audio/speech", json=body)
    assert answer.status_code == 200, answer.text
    return np.frombuffer(answer.content, "<i2").astype(float)


def pitch_of(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 8 * len(sound)))
    return float(np.argmax(spectrum) * 24_000 / (8 * len(sound)))


def refusal(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return dict(error)


def test_a_blend_under_a_name_of_its_own(http: httpx.Client) -> None:
    answer = blend(http)
    assert answer.status_code == 201
    made = answer.json()
    assert set(made) == {"id", "name", "engine", "kind", "languages", "gender", "licence", "blend"}
    assert (made["kind"], made["engine"], made["name"]) == ("blend", "tone", "Mixed")
    assert made["blend"] == {"high": pytest.approx(2 / 3), "low": pytest.approx(1 / 3)}
    assert listed(http)[made["id"]]["kind"] == "blend"
    assert made["id"] in http.get("/api/voices").json()["voices"]
    assert np.array_equal(pcm(http, made["id"]), pcm(http, "high(2)+low(1)"))


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"blend": "high+low"}, "name", "name"),
        ({"name": "X"}, "blend", "blend"),
        ({"name": "X", "blend": "high"}, "blend", "two voices"),
        ({"name": "X", "blend": "high+bob"}, "blend", "bob"),
        ({"name": "X", "blend": "high(0)+low(1)"}, "blend", "weight"),
        ({"name": "../x", "blend": "high+low"}, "name", "name"),
        ({"name": "con", "blend": "high+low"}, "name", "con"),
        ({"name": "", "blend": "high+low"}, "name", "name"),
    ],
)
def test_blends_that_are_none(http: httpx.Client, body: dict[str, str], param: str, words: str) -> None:
    error = refusal(http.post("/api/voices", json=body), 400)
    assert error["param"] == param
    assert words in error["message"]


@pytest.mark.parametrize("name", ["nova", "high", "female_01"])
def test_names_that_mean_somebody_already(http: httpx.Client, name: str) -> None:
    answer = blend(http, name)
    error = refusal(answer, answer.status_code)
    assert answer.status_code in (400, 409)
    assert name in error["message"]
    assert error["param"] == "name"


def test_a_second_voice_of_one_name_is_refused(http: httpx.Client) -> None:
    assert blend(http).status_code == 201
    answer = blend(http)
    assert answer.status_code in (400, 409)
    assert "Mixed" in refusal(answer, answer.status_code)["message"]


def test_a_clone_speaks_at_the_pitch_of_its_clip(http: httpx.Client) -> None:
    answer = clone(http, gender="female", languages="en, DE")
    assert answer.status_code == 201
    made = answer.json()
    assert (made["kind"], made["gender"], made["languages"]) == ("clone", "female", ["en", "de"])
    assert made["warnings"] == []
    assert pitch_of(pcm(http, made["id"])) == pytest.approx(200, abs=4)
    (warning,) = clone(http, hum(200, 2.0), name="Brief").json()["warnings"]
    assert "2.0 s long" in warning


@pytest.mark.parametrize("form", ["FLAC", "MP3", "OGG"])
def test_clips_of_other_kinds(http: httpx.Client, form: str) -> None:
    data = io.BytesIO()
    soundfile.write(data, 0.3 * np.sin(2 * np.pi * 300 * np.arange(24_000 * 7) / 24_000), 24_000, format=form)
    made = clone(http, data.getvalue())
    assert made.status_code == 201, made.text
    assert pitch_of(pcm(http, made.json()["id"])) == pytest.approx(300, abs=6)


@pytest.mark.parametrize(
    ("fields", "clip", "code", "param"),
    [
        ({"consent": None}, None, "consent_required", "consent"),
        ({"consent": "false"}, None, "consent_required", "consent"),
        ({"name": None}, None, "missing_required_parameter", "name"),
        ({"gender": "cat"}, None, "invalid_value", "gender"),
        ({}, b"MZ\x90 no sound at all", None, None),
        ({}, b"", None, None),
        ({}, hum(200, 0.3), None, None),
        ({}, hum(0), None, None),
    ],
)
def test_clones_that_are_refused(
    http: httpx.Client, fields: dict[str, str | None], clip: bytes | None, code: str | None, param: str | None
) -> None:
    before = listed(http)
    error = refusal(clone(http, clip, **fields), 400)
    assert code is None or (error["code"], error["param"]) == (code, param)
    assert listed(http) == before


def test_a_form_without_a_clip(http: httpx.Client) -> None:
    fields: Any = {"name": (None, "Ann"), "consent": (None, "true")}
    assert refusal(http.post("/api/voices", files=fields), 400)["param"] == "clip"


def test_bodies_of_other_kinds(http: httpx.Client) -> None:
    assert "multipart" in refusal(http.post("/api/voices", content=b"x", headers={"content-type": "text/plain"}), 415)[
        "message"
    ]
    refusal(http.post("/api/voices", content=b"{", headers={"content-type": "application/json"}), 400)


def test_settings_of_a_voice(http: httpx.Client) -> None:
    usual = len(pcm(http, "mid"))
    try:
        answer = http.patch("/api/voices/mid", json={"speed": 2, "rvc": "robot.pth", "rvc_pitch": -3})
        assert answer.status_code == 200
        body = answer.json()
        assert (body["speed"], body["rvc"], body["rvc_pitch"]) == (2, "robot.pth", -3)
        assert len(pcm(http, "mid")) == pytest.approx(usual / 2, rel=0.05)
        # A request's own speed wins.
        asked = {"model": "x", "input": "wonderful wonderful", "voice": "mid", "speed": 1, "response_format": "pcm"}
        assert len(http.post("/v1/audio/speech", json=asked).content) // 2 == usual
        assert http.patch("/api/voices/mid", json={"speed": None}).json()["rvc"] == "robot.pth"
        assert len(pcm(http, "mid")) == usual
    finally:
        http.patch("/api/voices/mid", json={"speed": None, "rvc": None, "rvc_pitch": None}).raise_for_status()


def test_renaming_keeps_the_id(http: httpx.Client) -> None:
    made = blend(http).json()["id"]
    assert http.patch(f"/api/voices/{made}", json={"name": "Evening voice"}).status_code == 200
    assert listed(http)[made]["name"] == "Evening voice"
    assert len(pcm(http, made)) > 0


@pytest.mark.parametrize(
    ("voice", "body", "status", "param"),
    [
        ("bob", {"speed": 1}, 400, "id"),
        ("mid", {"speed": 9}, 400, "speed"),
        ("mid", {"sped": 1}, 400, "sped"),
        ("mid", {"rvc_pitch": 25}, 400, "rvc_pitch"),
        ("mid", {"name": "Other"}, 404, "voice"),
    ],
)
def test_changes_that_are_refused(
    http: httpx.Client, voice: str, body: dict[str, object], status: int, param: str
) -> None:
    assert refusal(http.patch(f"/api/voices/{voice}", json=body), status)["param"] == param


def test_deleting_and_bringing_back(http: httpx.Client) -> None:
    made = blend(http).json()["id"]
    assert http.delete(f"/api/voices/{made}").json() == {"deleted": made}
    assert made not in listed(http)
    body = {"model": "any", "input": "Hi.", "voice": made}
    assert refusal(http.post("/v1/audio/speech", json=body), 400)["param"] == "voice"
    refusal(http.delete(f"/api/voices/{made}"), 404)
    assert http.post(f"/api/voices/{made}/restore").json()["id"] == made
    assert len(pcm(http, made)) > 0
    refusal(http.post(f"/api/voices/{made}/restore"), 404)
    refusal(http.post("/api/voices/bob/restore"), 404)


def test_the_engine_s_own_voices_stay(http: httpx.Client) -> None:
    refusal(http.delete("/api/voices/high"), 404)
    assert "high" in listed(http)


def test_previews(http: httpx.Client) -> None:
    made = clone(http).json()["id"]
    for voice in ("nova", "high", made):
        answer = http.get(listed(http)[voice]["preview_url"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
        assert len(answer.content) > 10_000
    assert refusal(http.get("/api/voices/bob/preview"), 400)["param"] == "voice"


def test_a_preview_for_which_there_is_no_room_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, server__queue=1) as server, server.http() as http:
        turn = server.troupe.speech.scheduler.admit(["tone"])
        try:
            assert refusal(http.get("/api/voices/low/preview"), 503)["code"] == "server_overloaded"
        finally:
            turn.close()
        assert http.get("/api/voices/low/preview").status_code == 200


def test_voices_that_are_called_by_paths(tmp_path: Path) -> None:
    table = {"tone": "server.engines.tone:Tone", "chimes": "tests.api.bell_engine:Chimes"}
    with running(tmp_path, engines=table, engine__beside="chimes") as server, server.http() as http:
        wait_for(lambda: server.troupe.registry.voices("chimes"))
        voice = listed(http)["chimes:chimes/ding"]
        for path in (voice["preview_url"], "/api/voices/chimes:chimes/ding/preview"):
            preview = http.get(path)
            assert (preview.status_code, preview.headers["content-type"]) == (200, "audio/mpeg")
        own = f"/api/voices/{quote(voice['id'], safe='')}"
        assert http.patch(own, json={"speed": 2}).json()["speed"] == 2
        assert http.patch(own, json={"speed": None}).json()["speed"] is None
        assert "no voice 'chimes/ding' of your own" in refusal(http.delete(own), 404)["message"]
        assert "chimes/ding" in refusal(http.post(f"{own}/restore"), 404)["message"]
        assert "chimes/gone" in refusal(http.get("/api/voices/chimes%3Achimes%2Fgone/preview"), 400)["message"]
        assert http.get(own).status_code == 405
