"""Where RVC stands and when: behind the engine, before the encoder; who decides on the voice."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from server.audio.chunk import AudioChunk
from server.conversion.rvc import files
from server.errors import SynthesisFailed
from server.speech import rehearsal
from server.speech.conversion import Converters
from server.speech.lane import Turn
from server.speech.rendition import RvcChoice
from tests.running import Running, running, wait_for

pytestmark = pytest.mark.api

SETTINGS = {"rvc__enabled": "true", "rvc__character": "Ghost", "rvc__narrator": "Wraith", "rvc__character_pitch": "7"}


class Silencer:
    """An RVC voice that says nothing, and remembers being asked."""

    def __init__(self, served: Running) -> None:
        self.chosen: list[RvcChoice] = []
        self.problem: SynthesisFailed | None = None
        """What comes of its second chunk, where it fails."""
        self._pushed = 0
        served.troupe.speech._speaker._open_conversion = self.open

    def open(self, choice: RvcChoice, rate: int, turn: Turn) -> Silencer:
        self.chosen.append(choice)
        return self

    async def push(self, chunk: AudioChunk) -> list[AudioChunk]:
        self._pushed += 1
        if self.problem is not None and self._pushed > 1:
            raise self.problem
        return [chunk.with_samples(chunk.samples * 0)]

    async def finish(self) -> list[AudioChunk]:
        return []


@pytest.fixture(scope="module")
def converting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with RVC on and files for its voices, which nobody opens here."""
    home = tmp_path_factory.mktemp("rvc")
    (home / "rvc").mkdir()
    for name in ("Ghost", "Wraith", "Banshee", "Mine", "Form"):
        (home / "rvc" / f"{name}.pth").touch()
    with running(home, **SETTINGS) as server:
        yield server


@pytest.fixture
def silencer(converting: Running) -> Silencer:
    return Silencer(converting)


def loudness(http: httpx.Client, **changes: object) -> float:
    body = {"model": "x", "input": "Hello there.", "voice": "high", "response_format": "wav", **changes}
    answer = http.post("/v1/audio/speech", json=body)
    assert answer.status_code == 200, answer.text
    return float(np.abs(np.frombuffer(answer.content[44:], "<i2")).max())


def narrate(http: httpx.Client, cast: dict[str, dict[str, object]]) -> None:
    """Speak a line of the narrator's and one of the character's to their end."""
    body = {"cast": cast, "text": '*He nods.* "Yes."', "final": True}
    answer = http.post("/api/narrations", json=body)
    with http.stream("GET", answer.json()["events_url"]) as events:
        assert "event: done" in "".join(events.iter_text())


def heard(http: httpx.Client, narration: dict[str, Any]) -> tuple[list[float], list[tuple[str, dict[str, Any]]]]:
    """How loud each clip of a narration is, fetched as it comes, and what else its listeners are told."""
    loud: list[float] = []
    told: list[tuple[str, dict[str, Any]]] = []
    name = ""
    with http.stream("GET", narration["events_url"]) as answer:
        for line in answer.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data" and name == "clip":
                sound = http.get(json.loads(value)["url"]).content
                loud.append(float(np.abs(np.frombuffer(sound, "<i2")).max()))
            elif field == "data":
                told.append((name, json.loads(value)))
    return loud, told


def test_it_is_applied_to_openai_requests_before_they_are_encoded(converting: Running, silencer: Silencer) -> None:
    with converting.http() as http:
        assert loudness(http) == 0
        assert loudness(http, speed=2) == 0
    assert [(c.voice, c.pitch) for c in silencer.chosen] == [("Ghost", 7), ("Ghost", 7)]


def test_disabled_at_a_voice_ends_the_search(converting: Running, silencer: Silencer) -> None:
    with converting.http() as http:
        assert http.patch("/api/voices/high", json={"rvc": "Disabled"}).status_code == 200
        try:
            assert loudness(http) > 0
            assert not silencer.chosen
            http.patch("/api/voices/high", json={"rvc": "Banshee", "rvc_pitch": -5})
            assert loudness(http) == 0
            assert [(c.voice, c.pitch) for c in silencer.chosen] == [("Banshee", -5)]
        finally:
            http.patch("/api/voices/high", json={"rvc": None, "rvc_pitch": None})


def test_a_cast_decides_for_itself_and_the_narrator_has_his_own(converting: Running, silencer: Silencer) -> None:
    with converting.http() as http:
        cast = {"narrator": {"voice": "low"}, "character": {"voice": "high", "rvc": "Mine", "rvc_pitch": 3}}
        narrate(http, cast)
        assert {(c.voice, c.pitch) for c in silencer.chosen} == {("Wraith", 0), ("Mine", 3)}
        silencer.chosen.clear()
        cast["narrator"]["rvc"] = "Disabled"
        narrate(http, cast)
        assert [(c.voice, c.pitch) for c in silencer.chosen] == [("Mine", 3)]


def test_alltalks_form_carries_it(converting: Running, silencer: Silencer) -> None:
    form = {"text_input": "Hello.", "rvccharacter_voice_gen": "Form", "rvccharacter_pitch": "2", "voice": "high"}
    with converting.http() as http:
        assert http.post("/api/tts-generate", data=form).json()["status"] == "generate-success"
        http.post("/api/tts-generate", data={**form, "rvccharacter_voice_gen": "Disabled"})
    assert [(c.voice, c.pitch) for c in silencer.chosen] == [("Form", 2)]


@pytest.mark.parametrize("role", ["character", "narrator", "Dr. Who"])
def test_a_voice_that_is_not_there_is_refused_before_anything_is_spoken(converting: Running, role: str) -> None:
    body = {"cast": {role: {"rvc": "Gone"}}, "text": "Hello.", "final": True}
    with converting.http() as http:
        answer = http.post("/api/narrations", json=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["param"] == f"cast.{role}.rvc"
        assert answer.json()["error"]["code"] == "rvc_voice_not_found"
        form = http.post("/api/tts-generate", data={"text_input": "Hi.", "rvccharacter_voice_gen": "Gone"})
        assert form.status_code == 400
        for message in (answer.json()["error"]["message"], form.json()["error"]):
            assert "There is: Banshee, Form, Ghost, Mine, Wraith." in message


def test_a_setting_that_names_a_voice_that_is_gone_says_whose(converting: Running) -> None:
    with converting.http() as http:
        http.patch("/api/voices/high", json={"rvc": "Gone"})
        try:
            answer = http.post("/v1/audio/speech", json={"model": "x", "input": "Hello there.", "voice": "high"})
        finally:
            http.patch("/api/voices/high", json={"rvc": None})
    assert answer.status_code == 404
    assert "'Gone'" in answer.text
    assert "set for the voice high" in answer.text


@pytest.mark.parametrize("role", ["character", "narrator", "Dr. Who"])
def test_a_narration_is_told_which_part_has_no_conversion_and_speaks_without(
    converting: Running, silencer: Silencer, role: str
) -> None:
    others = {other: {"voice": "low"} for other in {"character", "narrator", "Dr. Who"} - {role}}
    body = {"cast": {role: {"voice": "high"}, **others}, "text": "Hello.", "final": True}
    with converting.http() as http:
        http.patch("/api/voices/high", json={"rvc": "Gone"})
        try:
            answer = http.post("/api/narrations", json=body)
            assert answer.status_code == 404
            error = answer.json()["error"]
            assert (error["param"], error["code"]) == (f"cast.{role}.rvc", "rvc_voice_not_found")
            assert "It is set for the voice high." in error["message"]
            spoken = {**body, "cast": {**body["cast"], role: {"voice": "high", "rvc": "Disabled"}}}
            assert http.post("/api/narrations", json=spoken).status_code == 201
            assert http.post("/v1/audio/speech", json={"model": "x", "input": "Hi.", "voice": "high"}).json()[
                "error"
            ]["param"] is None, "there is no field to mend it with"
        finally:
            http.patch("/api/voices/high", json={"rvc": None})


@pytest.mark.parametrize("chosen_by", ["cast", "settings"])
def test_a_voice_that_goes_in_the_middle_of_a_narration_is_told_once_and_the_rest_is_heard(
    tmp_path: Path, chosen_by: str
) -> None:
    (tmp_path / "rvc").mkdir()
    ghost, other = tmp_path / "rvc" / "Ghost.pth", tmp_path / "rvc" / "Mine.pth"
    ghost.touch()
    other.touch()
    with running(tmp_path, **SETTINGS, narration__ahead="0") as server, server.http() as http:
        silencer = Silencer(server)
        member = {"voice": "high", **({"rvc": "Ghost"} if chosen_by == "cast" else {})}
        body = {"cast": {"character": member, "narrator": {"voice": "low", "rvc": "Mine"}}, "format": "pcm"}
        narration = http.post("/api/narrations", json=body).json()
        empty = http.post("/api/narrations", json=body).json()
        begin = "One is here. Two is here. "
        http.post(f"{narration['url']}/text", json={"offset": 0, "text": f"{begin}Three is to be"})
        wait_for(lambda: http.get(narration["url"]).json()["clips"] == 2)
        ghost.unlink()
        rest = "Three is here. *Four is here.* Five is here."
        for of, text, offset in ((narration, rest, len(begin)), (empty, "One is here. Two is here.", 0)):
            pushed = http.post(f"{of['url']}/text", json={"offset": offset, "text": text, "final": True})
            assert pushed.status_code == 200, pushed.text
        loud, told = heard(http, narration)
        assert loud[:2] + loud[3:4] == [0, 0, 0], "with conversion, the narrator to the end"
        assert loud[2] > 0
        assert loud[4] > 0
        (name, data), (end, figures) = told
        assert (name, end) == ("conversion_failed", "done")
        assert data["role"] == "character"
        assert data["error"]["code"] == "rvc_voice_not_found"
        assert data["error"]["message"].startswith("There is no RVC voice 'Ghost'. There is: Mine.")
        assert (figures["clips"], figures["failed"]) == (5, 0)
        assert {choice.voice for choice in silencer.chosen} == {"Ghost", "Mine"}
        loud, told = heard(http, empty)
        assert min(loud) > 0
        assert [name for name, _ in told] == ["conversion_failed", "done"]


def test_a_conversion_that_fails_is_told_once_and_the_same_sentence_is_heard_without_it(
    converting: Running, silencer: Silencer
) -> None:
    silencer.problem = SynthesisFailed("The RVC model Mine.pth cannot be used: it is damaged.", code="bad_rvc_model")
    text = "This first sentence is long enough to be made in several chunks. Two is here. Now toneerror."
    text += " And more of it is here." * 7
    with converting.http() as http:
        cast = {"character": {"voice": "high", "rvc": "Mine"}}
        body = {"cast": cast, "text": text, "final": True, "format": "pcm"}
        loud, told = heard(http, http.post("/api/narrations", json=body).json())
        assert len(loud) == 9
        assert min(loud) > 0
        assert sorted(name for name, _ in told) == ["clip_failed", "conversion_failed", "done"]
        assert told[0][1]["error"]["code"] == "bad_rvc_model"
        assert told[0][1]["error"]["message"] == silencer.problem.message
        assert 1 <= len(silencer.chosen) < 10, "one that failed is left alone"
        refused = http.post("/v1/audio/speech", json={"model": "x", "input": text, "voice": "high"})
        assert refused.status_code == 500, "where there is nobody to tell, it is an error as before"
        assert refused.json()["error"]["code"] == "bad_rvc_model"


def test_a_refused_preview_answers(converting: Running) -> None:
    with converting.http() as http:
        http.patch("/api/voices/high", json={"rvc": "Gone"})
        try:
            answer = http.get("/api/voices/high/preview", timeout=10)
        finally:
            http.patch("/api/voices/high", json={"rvc": None})
    assert answer.status_code == 404
    assert "set for the voice high" in answer.text


def test_the_switch_wins_over_all(tmp_path: Path) -> None:
    with running(tmp_path, **{**SETTINGS, "rvc__enabled": "false"}) as server, server.http() as http:
        silencer = Silencer(server)
        assert loudness(http) > 0
        assert not silencer.chosen
        assert http.get("/api/rvcvoices").json()["rvcvoices"] == ["Disabled"]


@pytest.mark.parametrize("enabled", [False, True])
def test_pages_that_are_open_learn_of_new_voices_and_read_nothing_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enabled: bool
) -> None:
    reads: list[str] = []
    walk = os.walk
    monkeypatch.setattr(files.os, "walk", lambda root: reads.append(str(root)) or walk(root))
    folder = tmp_path / "rvc"
    folder.mkdir()
    (folder / "Ghost.pth").touch()
    os.utime(folder, (1e9, 1e9))
    with running(tmp_path, rvc__enabled=str(enabled).lower()) as server, server.http() as http:
        word = http.get("/api/revisions").json()["rvc"]
        for _ in range(3):
            assert http.get("/api/revisions").json()["rvc"] == word
            assert http.get("/api/rvcvoices").json()["rvcvoices"] == ["Disabled", "Ghost"][: 1 + enabled]
        assert reads.count(str(folder)) == enabled
        (folder / "Wraith.pth").touch()
        assert http.get("/api/revisions").json()["rvc"] != word


def test_without_its_packages_or_voices_it_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "rvc").mkdir()
    (tmp_path / "rvc" / "Witch.pth").write_bytes(b"not a model")
    with running(tmp_path, **SETTINGS) as server, server.http() as http:
        assert http.get("/api/rvcvoices").json()["rvcvoices"] == ["Disabled", "Witch"]
        body = {"model": "x", "input": "Hello there.", "voice": "high", "response_format": "wav"}
        answer = http.post("/v1/audio/speech", json=body)
        assert answer.status_code in (404, 503)  # without the packages: unavailable; with them: no such voice
        assert "install rvc" in answer.text or "Ghost" in answer.text


def test_what_cannot_be_prepared_is_shown_and_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()

    async def rehearse(self: Converters, choice: RvcChoice) -> None:
        await asyncio.to_thread(going_on.wait, 30)
        raise SynthesisFailed(f"{choice.voice} is no RVC voice.")

    monkeypatch.setattr(rehearsal, "rvc_is_installed", lambda: True)
    monkeypatch.setattr(Converters, "rehearse", rehearse)
    (tmp_path / "rvc").mkdir()
    (tmp_path / "rvc" / "Ghost.pth").touch()
    with running(tmp_path, rvc__enabled="true", rvc__character="Ghost") as server, server.http() as http:
        wait_for(lambda: http.get("/api/status").json()["rvc"]["preparing"])
        assert http.get("/health").json()["detail"] == "Preparing voice conversion"
        going_on.set()
        wait_for(lambda: http.get("/api/status").json()["rvc"]["problem"] == "Ghost is no RVC voice.")
        health = http.get("/health").json()
        assert (health["state"], health["detail"]) == ("ready", "")
        http.patch("/api/voices/low", json={"rvc": "Disabled"})
        spoken = http.post("/v1/audio/speech", json={"model": "x", "input": "Hello.", "voice": "low"})
        assert spoken.status_code == 200
