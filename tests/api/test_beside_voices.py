"""Voices of several engines at once, as ``engine:voice``: their names, what each can do, and two in one text."""

from __future__ import annotations

import asyncio
import io
import json
import wave
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from server.speech.request import Delivery
from server.text.roles import RoleRules
from tests.api.beside import LETTER, TABLE, ask, heard, pitch_of, refusal, sound_of
from tests.running import Running, running, wait_for

pytestmark = pytest.mark.api


@pytest.fixture
def http(both: Running) -> Iterator[httpx.Client]:
    """A client of the server with two engines."""
    with both.http() as client:
        yield client


# Languages


def narrated(http: httpx.Client, cast: dict[str, dict[str, str]], text: str, **more: str) -> list[str]:
    """What is said, sentence by sentence."""
    opened = http.post("/api/narrations", json={"cast": cast, "text": text, "final": True, **more})
    with http.stream("GET", opened.json()["events_url"]) as events:
        data = [json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: ")]
    return [clip["text"] for clip in data if "text" in clip]


def test_each_of_a_cast_is_read_in_the_language_of_its_voice(http: httpx.Client) -> None:
    cast = {"narrator": {"voice": "bell:ding"}, "character": {"voice": "high"}}
    text = '*Il a 21 chats.* "I have 21 cats." *Nous avons 5 %.*'
    french = ["Il a vingt et un chats.", "Nous avons cinq pour cent."]
    assert narrated(http, cast, text) == [french[0], "I have twenty-one cats.", french[1]]
    swapped = {"narrator": cast["character"], "character": cast["narrator"]}
    said = narrated(http, swapped, '*He has 21 cats.* "Et 21 de plus."')
    assert said == ["He has twenty-one cats.", "Et vingt et un de plus."]
    assert narrated(http, cast, text, language="en")[0] == "Il a twenty-one chats.", "asked for is asked for"


def test_a_recording_reads_each_voice_in_its_own_language(both: Running) -> None:
    cast = {"narrator": Delivery("bell:ding"), "character": Delivery("high")}
    lines = asyncio.run(both.troupe.speech.lines('*Il a 21 chats.* "I have 21 cats."', cast, RoleRules()))
    assert [line.piece.text for line in lines] == ["Il a vingt et un chats.", "I have twenty-one cats."]


# Names


def test_they_are_listed_behind_those_of_the_current_engine(http: httpx.Client) -> None:
    voices = http.get("/v1/audio/voices").json()["voices"]
    ids = [voice["id"] for voice in voices]
    assert ids[13:15] == ["low", "mid"]
    assert ids[-4:] == ["bell:ding", "bell:dong", "bell:high", "bell:old:dong"]
    ding = next(voice for voice in voices if voice["id"] == "bell:ding")
    assert (ding["engine"], ding["name"], ding["languages"]) == ("bell", "Ding (Bell)", ["fr", "en"])
    preview = http.get(ding["preview_url"])
    assert (preview.status_code, preview.headers["content-type"]) == (200, "audio/mpeg")
    assert http.get("/api/voices").json()["voices"][-4:] == ids[-4:]


@pytest.mark.parametrize(
    ("voice", "pitch"),
    [
        ("high", 220),
        ("tone:high", 220),
        ("bell:high", 500),
        (" Bell:DING.wav ", 400),
        ("bell:old:dong", 600),
        ("bell:ding(1)+dong(1)", 350),
        ("tone:low(1)+tone:high(1)", 165),
    ],
)
def test_an_engine_before_the_voice(http: httpx.Client, voice: str, pitch: float) -> None:
    assert heard(http, voice) == pitch


@pytest.mark.parametrize(
    ("voice", "words"),
    [
        ("bell:dinng", ["Did you mean 'bell:ding'", "Supported values are: 'bell:ding', 'bell:dong'"]),
        ("dong", ["Did you mean 'bell:dong'", "voices of bell as engine:voice"]),
        ("bel:ding", ["Did you mean 'bell:ding'", "'low'"]),
        ("gong:ding", ["The engine gong is not loaded beside tone (engine.beside)"]),
        ("bell:nova", ["Invalid value: 'bell:nova'"]),
        ("bell:female_01", ["Invalid value: 'bell:female_01'"]),
        ("high+bell:ding", ["'bell:ding' is not a voice that can be blended"]),
        ("bell:ding+tone:high", ["'tone:high' is not a voice that can be blended"]),
    ],
)
def test_what_no_voice_is_called(http: httpx.Client, voice: str, words: list[str]) -> None:
    message = refusal(ask(http, voice), 400)
    assert message.startswith("invalid_value voice: ")
    for word in words:
        assert word in message


def test_openais_names_can_be_set_to_them(http: httpx.Client) -> None:
    try:
        changes = {"nova": "BELL:Ding.wav", "echo": "bell:ding+dong", "onyx": "tone:low"}
        assert http.put("/api/openai-voicemap", json=changes).status_code == 200
        shown = http.get("/api/openai-voicemap").json()["voices"]
        assert shown["nova"] == {"set": "bell:ding", "voice": "bell:ding"}
        assert shown["echo"]["voice"] == "bell:ding(1)+dong(1)"
        assert shown["onyx"] == {"set": "low", "voice": "low"}
        assert heard(http, "nova") == 400
        assert heard(http, "echo") == 350
        listed = {voice["id"]: voice["engine"] for voice in http.get("/v1/audio/voices").json()["voices"]}
        assert (listed["nova"], listed["onyx"]) == ("bell", "tone")
        for wrong in ("bell:nobody", "gong:ding"):
            assert wrong in refusal(http.put("/api/openai-voicemap", json={"nova": wrong}), 400)
        assert http.get("/api/openai-voicemap").json()["voices"]["nova"]["set"] == "bell:ding"
    finally:
        http.put("/api/openai-voicemap", json=dict.fromkeys(("nova", "echo", "onyx")))


# What an engine can do


def test_languages_are_those_of_the_voices_engine(http: httpx.Client) -> None:
    assert ask(http, "bell:ding", language="fr").status_code == 200
    assert ask(http, "high", language="es").status_code == 200
    message = refusal(ask(http, "bell:ding", language="es"), 400)
    assert "unsupported_language language: Bell does not speak 'es'. Its languages: fr, en." in message


def test_settings_belong_to_the_engine_and_the_voice(http: httpx.Client) -> None:
    def seconds(voice: str) -> float:
        samples, rate = sound_of(ask(http, voice).content)
        return len(samples) / rate

    plain = seconds("high")
    assert seconds("bell:high") == pytest.approx(plain, abs=0.02)
    try:
        changed = http.patch("/api/voices/bell:high", json={"speed": 2})
        assert (changed.json()["engine"], changed.json()["id"], changed.json()["speed"]) == ("bell", "bell:high", 2.0)
        assert seconds("bell:high") == pytest.approx(plain / 2, rel=0.1)
        assert seconds("high") == plain
    finally:
        http.patch("/api/voices/bell:high", json={"speed": None})
    assert "no voice 'ding' of your own" in refusal(http.delete("/api/voices/bell:ding"), 404)


def test_captions_ask_the_voices_engine(http: httpx.Client) -> None:
    body = {"model": "x", "input": "Hello there.", "voice": "bell:ding", "response_format": "wav"}
    assert "The engine bell does not know when words are heard" in refusal(http.post("/api/captions", json=body), 400)
    assert http.post("/api/captions", json={**body, "voice": "tone:high"}).status_code == 200


def test_a_blend_to_keep_is_of_the_current_engine(http: httpx.Client) -> None:
    answer = http.post("/api/voices", json={"name": "Both", "blend": "bell:ding+dong"})
    assert "Only voices of tone can be kept" in refusal(answer, 400)


def test_an_engine_beside_clones_where_the_current_one_cannot(tmp_path: Path) -> None:
    seconds = np.arange(48_000) / 24_000
    clip = io.BytesIO()
    with wave.open(clip, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes((12_000 * np.sign(np.sin(2 * np.pi * 150 * seconds))).astype("<i2").tobytes())
    fields = {"name": "Me", "consent": "true"}
    with running(tmp_path, engines=TABLE, engine__name="bell", engine__beside="tone") as server, server.http() as http:
        wait_for(lambda: server.troupe.registry.voices("tone"))
        made = http.post("/api/voices", data=fields, files={"clip": ("clip.wav", clip.getvalue())})
        assert (made.status_code, made.json()["id"], made.json()["engine"]) == (201, "tone:Me", "tone"), made.text
        assert heard(http, "tone:Me") == 150
        assert "tone:Me" in http.get("/api/voices").json()["voices"]
        assert http.patch("/api/voices/tone:Me", json={"name": "Myself"}).json()["name"] == "Myself"
        assert http.delete("/api/voices/tone:Me").status_code == 200
        assert "Invalid value: 'tone:Me'" in refusal(ask(http, "tone:Me"), 400)
        assert http.post("/api/voices/tone:Me/restore").json()["id"] == "tone:Me"
        assert heard(http, "tone:Me") == 150
    with running(tmp_path, engines=TABLE, engine__name="bell") as server, server.http() as http:
        answer = http.post("/api/voices", data=fields, files={"clip": ("clip.wav", clip.getvalue())})
        assert "Bell cannot clone voices" in refusal(answer, 400)


# Together


def test_narrator_and_character_of_two_engines_in_one_file(http: httpx.Client) -> None:
    form = {
        "text_input": '*He looked up quietly.* "Yesterday evening."',
        "text_not_inside": "narrator",
        "character_voice_gen": "high",
        "narrator_enabled": "true",
        "narrator_voice_gen": "bell:dong",
    }
    answer = http.post("/api/tts-generate", data=form)
    assert answer.json()["status"] == "generate-success", answer.text
    samples, rate = sound_of(http.get(answer.json()["output_file_url"]).content)
    assert rate == 24_000
    loud = np.abs(samples) > 0.01
    edges = np.flatnonzero(np.diff(loud.astype(int)))
    # The pause is the longest silence between two sounds.
    gap = max(range(1, len(edges) - 1, 2), key=lambda index: edges[index + 1] - edges[index])
    told, said = samples[: edges[gap] + 1], samples[edges[gap + 1] :]
    assert pitch_of(told, rate) == pytest.approx(300, rel=0.02)
    assert pitch_of(said, rate) == pytest.approx(220, rel=0.02)
    assert len(told) / rate == pytest.approx(len("Helookedupquietly.") * LETTER + 3 * 0.02, abs=0.06)
    assert len(said) / rate == pytest.approx(len("Yesterdayevening.") * LETTER + 0.02, abs=0.06)
    # Continuous: no sample is further from its neighbour than the steepest of both tones goes, with some room.
    steepest = 2 * np.pi * 0.3 * (300 + 0.3 * 600) / rate
    assert np.abs(np.diff(samples)).max() < 1.3 * steepest


def test_a_narration_of_two_engines(http: httpx.Client) -> None:
    cast = {"narrator": {"voice": "bell:dong"}, "character": {"voice": "high"}}
    text = '*He nods.* "Yes." *He smiles.* "No."'
    opened = http.post("/api/narrations", json={"cast": cast, "text": text, "final": True, "format": "wav"})
    assert opened.status_code == 201, opened.text
    with http.stream("GET", opened.json()["events_url"]) as events:
        lines = [line.removeprefix("data: ") for line in events.iter_lines() if line.startswith("data: ")]
    clips = [json.loads(line) for line in lines[:-1]]
    assert [clip["role"] for clip in clips] == ["narrator", "character"] * 2
    for clip in clips:
        samples, rate = sound_of(http.get(clip["url"]).content)
        assert len(samples) / rate == pytest.approx(clip["duration"], abs=0.001)
        assert pitch_of(samples, rate) == pytest.approx(300 if clip["role"] == "narrator" else 220, rel=0.05)
    whole = http.get(opened.json()["audio_url"], params={"format": "pcm"}).content
    assert len(whole) / 2 / 24_000 == pytest.approx(sum(clip["duration"] for clip in clips), abs=0.01)
