"""``/api/openai-voicemap``: what is set is in force for everybody's next request, or nothing changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.voices.names import CLASSIC_NAMES, OPENAI_NAMES
from tests.running import running

pytestmark = pytest.mark.api

PATH = "/api/openai-voicemap"
DOCUMENTED = {
    "alloy": "female_01.wav",
    "echo": "female_01.wav",
    "fable": "female_01.wav",
    "nova": "female_01.wav",
    "onyx": "male_01.wav",
    "shimmer": "male_02.wav",
}
"""The example of the original documentation."""


@pytest.fixture(autouse=True)
def _as_it_was(http: httpx.Client) -> Iterator[None]:
    yield
    http.put(PATH, json=dict.fromkeys(OPENAI_NAMES)).raise_for_status()


def mapped(http: httpx.Client) -> dict[str, Any]:
    return dict(http.get(PATH).json()["voices"])


def sound_of(http: httpx.Client, voice: str) -> bytes:
    body = {"model": "any", "input": "Hello there.", "voice": voice, "response_format": "pcm"}
    return http.post("/v1/audio/speech", json=body).content


def test_all_thirteen_names_have_a_voice(http: httpx.Client) -> None:
    body = http.get(PATH).json()
    assert set(body) == {"engine", "revision", "voices"}
    assert body["engine"] == "tone"
    assert tuple(body["voices"]) == OPENAI_NAMES
    assert all(entry["set"] is None and entry["voice"] for entry in body["voices"].values())
    assert {body["voices"][name]["voice"] for name in CLASSIC_NAMES} >= {"high", "low"}


def test_the_documented_example_works_as_written(http: httpx.Client) -> None:
    answer = http.put(PATH, json=DOCUMENTED)
    assert answer.status_code == 200
    assert answer.json() == {"message": "OpenAI voice mappings updated successfully"}
    voices = mapped(http)
    assert {name: voices[name]["set"] for name in DOCUMENTED} == DOCUMENTED
    assert (voices["nova"]["voice"], voices["onyx"]["voice"], voices["shimmer"]["voice"]) == ("high", "low", "deep")


@pytest.mark.parametrize("value", ["deep", "DEEP.wav", " deep ", {"id": "deep"}])
def test_the_next_request_of_any_client_has_the_new_voice(http: httpx.Client, value: object) -> None:
    before = sound_of(http, "nova")
    http.put(PATH, json={"nova": value}).raise_for_status()
    assert mapped(http)["nova"] == {"set": "deep", "voice": "deep"}
    assert sound_of(http, "nova") == sound_of(http, "deep") != before
    voices = http.get("/v1/audio/voices").json()["voices"]
    assert next(voice for voice in voices if voice["id"] == "nova")["gender"] == "male"


def test_null_resets_one_name_and_leaves_the_others(http: httpx.Client) -> None:
    http.put(PATH, json={"nova": "deep", "echo": "high", "cedar": "low"}).raise_for_status()
    http.put(PATH, json={"nova": None}).raise_for_status()
    voices = mapped(http)
    assert voices["nova"]["set"] is None
    assert (voices["echo"]["set"], voices["cedar"]["set"]) == ("high", "low")


def test_a_blend_is_a_voice(http: httpx.Client) -> None:
    http.put(PATH, json={"marin": "high(2)+low(1)"}).raise_for_status()
    assert mapped(http)["marin"]["set"] == "high(2)+low(1)"
    assert sound_of(http, "marin") == sound_of(http, "high(2)+low(1)")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"nova": "bob", "onyx": "low"}, ["'nova'", "'bob'"]),
        ({"nova": "bob", "onyx": "bill", "echo": "low"}, ["'bob'", "'bill'"]),
        ({"nobody": "low"}, ["'nobody'", "alloy"]),
        ({"nova": 5}, ["'nova'", "null"]),
        ({"nova": ""}, ["'nova'"]),
        ({"nova": ["low"]}, ["'nova'"]),
        ({"nova": "high(0)+low(1)"}, ["'nova'", "weight"]),
        ({"nova": "echo"}, ["'nova'"]),
        ({}, ["at least one name"]),
    ],
)
def test_nothing_changes_unless_all_is_valid(
    http: httpx.Client, changes: dict[str, object], words: list[str]
) -> None:
    before = http.get(PATH)
    answer = http.put(PATH, json=changes)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "invalid_value")
    for word in words:
        assert word in error["message"]
    after = http.get(PATH)
    assert (after.json(), after.headers["etag"]) == (before.json(), before.headers["etag"])


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [(b"[]", "application/json", 400), (b"{", "application/json", 400), (b"nova=low", "text/plain", 415)],
)
def test_bodies_that_are_none(http: httpx.Client, content: bytes, kind: str, status: int) -> None:
    answer = http.put(PATH, content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


def test_a_revision_guards_against_lost_changes(http: httpx.Client) -> None:
    seen = http.get(PATH).headers["etag"]
    changed = http.put(PATH, json={"nova": "deep"}, headers={"If-Match": seen})
    assert changed.status_code == 200
    assert changed.headers["etag"] == http.get(PATH).headers["etag"] != seen
    late = http.put(PATH, json={"nova": "low"}, headers={"If-Match": seen})
    assert (late.status_code, late.json()["error"]["code"]) == (412, "revision_mismatch")
    assert mapped(http)["nova"]["set"] == "deep"
    assert http.put(PATH, json={"nova": "low"}, headers={"If-Match": "*"}).status_code == 200


def test_the_map_outlives_the_server_and_belongs_to_its_engine(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.http() as http:
        http.put(PATH, json={"nova": "deep"}).raise_for_status()
    assert "tone" in (tmp_path / "voicemap.yaml").read_text(encoding="utf-8")
    with running(tmp_path) as server, server.http() as http:
        assert mapped(http)["nova"]["voice"] == "deep"
        # Edited by hand, it is in force at once.
        (tmp_path / "voicemap.yaml").write_text("tone: {nova: low}\nkokoro: {nova: af_sky}\n", encoding="utf-8")
        assert mapped(http)["nova"]["voice"] == "low"
        http.put(PATH, json={"onyx": "high"}).raise_for_status()
        assert "af_sky" in (tmp_path / "voicemap.yaml").read_text(encoding="utf-8")


def test_a_voice_that_is_gone_is_told_and_not_replaced_in_silence(http: httpx.Client) -> None:
    made = http.post("/api/voices", json={"name": "Mixed", "blend": "high+low"}).json()["id"]
    http.put(PATH, json={"nova": made}).raise_for_status()
    http.delete(f"/api/voices/{made}").raise_for_status()
    assert mapped(http)["nova"] == {"set": made, "voice": None}
    body = {"model": "any", "input": "Hello there.", "voice": "nova"}
    answer = http.post("/v1/audio/speech", json=body)
    assert answer.status_code == 400
    assert made in answer.json()["error"]["message"]
    # Everything else goes on, the list of voices included.
    assert http.get("/v1/audio/voices").status_code == 200
