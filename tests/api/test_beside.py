"""Several engines at once: their voices as ``engine:voice``, each with its own abilities, faults and memory."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from server.speech.request import Delivery
from server.text.roles import RoleRules
from tests.running import Running, running, wait_for

pytestmark = pytest.mark.api

TABLE = {
    "tone": "server.engines.tone:Tone",
    "bell": "tests.api.bell_engine:Bell",
    "gong": "tests.api.bell_engine:Gong",
    "broken": "tests.contract.broken_engine:Broken",
    "absent": "tests.contract.broken_engine:Absent",
}
LETTER = 0.06
"""Seconds of tone for a letter."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The toy engine with bells beside it; tests put back what they change."""
    with running(tmp_path_factory.mktemp("both"), engines=TABLE, engine__beside="bell") as server:
        wait_for(lambda: server.troupe.registry.voices("bell"))
        yield server


@pytest.fixture
def http(both: Running) -> Iterator[httpx.Client]:
    with both.http() as client:
        yield client


def ask(http: httpx.Client, voice: str, **more: object) -> httpx.Response:
    body = {"model": "x", "input": "Hello there.", "voice": voice, "response_format": "wav", **more}
    return http.post("/v1/audio/speech", json=body)


def sound_of(data: bytes) -> tuple[np.ndarray, int]:
    with wave.open(io.BytesIO(data)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64) / 32767
        return samples, file.getframerate()


def heard(http: httpx.Client, voice: str) -> float:
    """Pitch of what a voice says, in Hz and within 2 %: of one engine or the other, no two voices have the same."""
    answer = ask(http, voice)
    assert answer.status_code == 200, answer.text
    return pytest.approx(pitch_of(*sound_of(answer.content)), rel=0.02)


def pitch_of(samples: np.ndarray, rate: int) -> float:
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * rate / len(samples))


def refusal(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    return f"{error['code']} {error['param']}: {error['message']}"


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


def test_a_slow_engine_does_not_hold_up_the_other(both: Running, http: httpx.Client) -> None:
    both.troupe.settings.change("engine.options.tone", {"delay": 2.0})
    ended: list[float] = []

    def slow() -> None:
        with both.http() as client:
            assert ask(client, "high", input="A rather long sentence of the slow engine.").status_code == 200
        ended.append(time.monotonic())

    threads = [threading.Thread(target=slow) for _ in range(6)]  # more than it takes at once
    try:
        for thread in threads:
            thread.start()
        wait_for(lambda: both.troupe.speech.scheduler.open == 6)
        assert ask(http, "bell:ding").status_code == 200
        quick = time.monotonic()
    finally:
        for thread in threads:
            thread.join()
        both.troupe.settings.change("engine.options.tone", None)
    assert len(ended) == 6
    assert quick < min(ended)


# Memory


def test_memory_and_state_of_each(http: httpx.Client, both: Running) -> None:
    status = http.get("/api/status").json()
    engines = {engine["name"]: engine for engine in status["engines"]}
    assert list(engines) == ["tone", "bell"]
    for name, engine in engines.items():
        assert (engine["current"], engine["state"], engine["device"]) == (name == "tone", "ready", "cpu")
        assert engine["memory"]["process"] > 1_000_000
    assert status["rvc"] == {"device": "", "memory": {}, "preparing": False, "problem": ""}
    assert status["memory"].keys() == {"process"}
    metrics = http.get("/metrics").text
    assert 'troupe_memory_bytes{kind="process",part="bell"}' in metrics
    assert 'troupe_memory_bytes{kind="process",part="tone"}' in metrics
    shown = {engine["name"]: engine for engine in http.get("/api/engine").json()["engines"]}
    assert [(name, shown[name]["beside"], shown[name]["state"]) for name in ("tone", "bell", "gong")] == [
        ("tone", False, "ready"),
        ("bell", True, "ready"),
        ("gong", False, "unloaded"),
    ]
    assert http.get("/health").json()["engine"] == "tone"


def test_each_is_unloaded_when_idle_and_only_the_one_asked_for_comes_back(tmp_path: Path) -> None:
    settings = {"engine__beside": "bell", "engine__idle_unload_minutes": 0.01}
    with running(tmp_path, engines=TABLE, **settings) as server, server.http() as http:
        registry = server.troupe.registry
        wait_for(lambda: registry.voices("bell") and registry.state == "unloaded")
        bell = registry.slot("bell")
        assert bell
        wait_for(lambda: bell.state == "unloaded" and bell.pid is None)
        assert registry.worker_pid is None
        assert "bell:ding" in http.get("/api/voices").json()["voices"]
        assert heard(http, "bell:ding") == 400
        assert registry.worker_pid is None
        assert heard(http, "high") == 220


# Faults


def test_a_crash_beside_does_not_disturb_the_current_engine(both: Running, http: httpx.Client) -> None:
    registry = both.troupe.registry
    bell = registry.slot("bell")
    assert bell
    before, tone = bell.pid, registry.worker_pid
    answer = ask(http, "bell:ding", input="Well tonecrash now.")
    assert answer.status_code == 500
    assert (registry.state, registry.worker_pid) == ("ready", tone)
    assert heard(http, "high") == 220
    assert heard(http, "bell:ding") == 400
    assert bell.pid not in (None, before)
    assert registry.worker_pid == tone


def test_an_engine_that_cannot_be_loaded_beside_says_why(tmp_path: Path) -> None:
    with running(tmp_path, engines=TABLE, engine__beside="absent, broken, bell") as server, server.http() as http:
        registry = server.troupe.registry
        wait_for(lambda: registry.voices("bell"))
        assert registry.state == "ready"
        missing = refusal(ask(http, "absent:high"), 503)
        assert missing.startswith("engine_failed None: The absent engine cannot speak: ")
        assert "is not installed. Run: python3 -m server install absent" in missing
        assert "weights are broken" in refusal(ask(http, "broken:high"), 503)
        assert "not installed" in refusal(http.put("/api/openai-voicemap", json={"nova": "absent:high"}), 503)
        cast = {"character": {"voice": "broken:high"}}
        assert "weights are broken" in refusal(http.post("/api/narrations", json={"cast": cast, "text": "x"}), 503)
        assert heard(http, "high") == 220
        assert heard(http, "bell:ding") == 400
        shown = {engine["name"]: engine for engine in http.get("/api/engine").json()["engines"]}
        assert shown["absent"]["state"] == "degraded"
        assert "not installed" in shown["absent"]["detail"]
        assert http.get("/api/ready").text == "Ready"


def test_beside_a_current_engine_that_cannot_be_loaded_the_others_speak(tmp_path: Path) -> None:
    settings = {"engine__name": "broken", "engine__beside": "bell"}
    with running(tmp_path, engines=TABLE, **settings) as server, server.http() as http:
        wait_for(lambda: server.troupe.registry.voices("bell"))
        assert "weights are broken" in refusal(ask(http, "nova"), 503)
        assert heard(http, "bell:ding") == 400


def test_who_asks_an_engine_that_is_being_loaded_waits_and_the_others_do_not(tmp_path: Path) -> None:
    with running(tmp_path, engines=TABLE, engine__beside="gong") as server, server.http() as http:
        gong = server.troupe.registry.slot("gong")
        assert gong is None or gong.state == "loading"
        came: list[float] = []

        def wait() -> None:
            with server.http() as client:
                assert heard(client, "gong:ding") == 400
            came.append(time.monotonic())

        waiting = threading.Thread(target=wait)
        waiting.start()
        assert heard(http, "high") == 220
        quick = time.monotonic()
        waiting.join()
        assert quick < came[0]


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        ({"bell": "cuda"}, "Bell runs on cpu, not on cuda."),
        ({"bell": "cpu", "tone": "cpu"}, ""),
    ],
)
def test_each_has_its_own_device(tmp_path: Path, devices: dict[str, str], words: str) -> None:
    settings = {"engine__beside": "bell", "engine__devices": json.dumps(devices)}
    with running(tmp_path, engines=TABLE, **settings) as server, server.http() as http:
        registry = server.troupe.registry
        wait_for(lambda: (slot := registry.slot("bell")) and slot.state in ("ready", "degraded"))
        assert (registry.state, registry.device) == ("ready", "cpu")
        answer = ask(http, "bell:ding")
        assert words in refusal(answer, 503) if words else answer.status_code == 200


# Switching and changing


def test_switching_to_an_engine_that_is_loaded_is_a_matter_of_names(tmp_path: Path) -> None:
    with running(tmp_path, engines=TABLE) as server, server.http() as http:
        registry = server.troupe.registry
        server.troupe.settings.change("engine.beside", ["bell"])
        wait_for(lambda: registry.voices("bell"))
        bell, tone = registry.slot("bell"), registry.slot("tone")
        assert bell
        assert tone
        pid = bell.pid
        assert http.put("/api/engine", json={"engine": "bell"}).json() == {"current": "bell", "state": "ready"}
        assert registry.worker_pid == pid
        for name in ("ding", "bell:ding"):
            assert heard(http, name) == 400
        assert "The engine tone is not loaded beside bell" in refusal(ask(http, "tone:low"), 400)
        wait_for(lambda: tone.pid is None)

        # Both in the list: whichever is current, the other stays.
        http.put("/api/engine", json={"engine": "tone"})
        server.troupe.settings.change("engine.beside", ["tone", "bell"])
        pids = {slot.name: slot.pid for slot in (bell, tone)}
        assert pids["bell"] == pid
        http.put("/api/engine", json={"engine": "bell"})
        assert heard(http, "tone:low") == 110
        assert {slot.name: slot.pid for slot in (bell, tone)} == pids


def test_the_list_can_be_changed_while_it_runs(tmp_path: Path) -> None:
    with running(tmp_path, engines=TABLE) as server, server.http() as http:
        registry, settings = server.troupe.registry, server.troupe.settings
        before = http.get("/api/revisions").json()
        assert "not loaded beside" in refusal(ask(http, "bell:ding"), 400)
        settings.change("engine.beside", ["bell"])
        wait_for(lambda: registry.voices("bell"))
        assert heard(http, "bell:ding") == 400
        after = http.get("/api/revisions").json()
        assert after["voices"] != before["voices"]
        assert after["engine"] != before["engine"]
        http.put("/api/openai-voicemap", json={"nova": "bell:ding"})
        settings.change("engine.beside", None)
        bell = registry.slot("bell")
        assert bell
        wait_for(lambda: bell.pid is None and bell.client is None)
        message = refusal(ask(http, "nova"), 400)
        assert "'nova' is set to 'bell:ding'" in message
        assert "not loaded beside tone" in message
        assert http.get("/api/openai-voicemap").json()["voices"]["nova"] == {"set": "bell:ding", "voice": None}
        settings.change("engine.beside", ["bell"])
        wait_for(lambda: bell.state == "ready")
        assert heard(http, "nova") == 400
