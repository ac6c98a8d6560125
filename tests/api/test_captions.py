"""``POST /api/captions``: a sound and its captions, of the same take."""

from __future__ import annotations

import io
import re
import wave
from itertools import pairwise

import httpx
import pytest

pytestmark = pytest.mark.api

TEXT = "Hello there, wonderful people. <b>Bold</b> & brave we are! This is the third one."
CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)[.,](\d\d\d) --> (\d\d):(\d\d):(\d\d)[.,](\d\d\d)")


def make(http: httpx.Client, **changes: object) -> httpx.Response:
    body = {"model": "any", "input": TEXT, "voice": "nova", "response_format": "wav", **changes}
    return http.post("/api/captions", json=body)


def times(text: str) -> list[tuple[float, float]]:
    def seconds(hours: str, minutes: str, whole: str, thousandths: str) -> float:
        return int(hours) * 3600 + int(minutes) * 60 + int(whole) + int(thousandths) / 1000

    return [(seconds(*match[:4]), seconds(*match[4:])) for match in CLOCK.findall(text)]


@pytest.mark.parametrize(("kind", "media_type"), [("srt", "application/x-subrip"), ("VTT", "text/vtt")])
def test_sound_and_captions_belong_together(http: httpx.Client, kind: str, media_type: str) -> None:
    answer = make(http, captions=kind)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"audio_url", "captions_url"}
    assert body["audio_url"].endswith(".wav")
    assert body["captions_url"] == body["audio_url"].removesuffix("wav") + kind.lower()
    captions = http.get(body["captions_url"])
    assert captions.headers["content-type"].startswith(media_type)
    text = captions.content.decode()
    assert text.startswith("WEBVTT\n\n") == (kind == "VTT")
    found = times(text)
    assert len(found) == 3
    assert all(start < end for start, end in found)
    assert all(one[1] <= two[0] for one, two in pairwise(found))
    said = [line for line in text.splitlines() if line and "-->" not in line and line not in "123WEBVTT"]
    assert said[0] == "Hello there, wonderful people."
    assert said[2] == "This is the third one."
    sound = http.get(body["audio_url"]).content
    # The length is the sound's, whatever its header says of a stream.
    assert found[-1][1] == pytest.approx((len(sound) - 44) / 48_000, abs=0.2)


def test_a_sound_of_a_file_tells_its_length(http: httpx.Client) -> None:
    url = make(http, input="A sentence of words. " * 20).json()["audio_url"]
    with wave.open(io.BytesIO(http.get(url).content)) as sound:
        assert 20 < sound.getnframes() / sound.getframerate() < 60


def test_mp3_is_the_default_for_sound_and_srt_for_captions(http: httpx.Client) -> None:
    body = make(http, response_format=None).json()
    assert body["audio_url"].endswith(".mp3")
    assert body["captions_url"].endswith(".srt")


def test_a_text_without_words_has_empty_captions(http: httpx.Client) -> None:
    body = make(http, input="...").json()
    assert times(http.get(body["captions_url"]).text) == []
    assert http.get(body["audio_url"]).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "param"),
    [
        ({"captions": "ass"}, 400, "captions"),
        ({"voice": "bob"}, 400, "voice"),
        ({"input": ""}, 400, "input"),
        ({"response_format": "mp4"}, 400, "response_format"),
        ({"input": "toneerror"}, 500, None),
    ],
)
def test_refusals(http: httpx.Client, changes: dict[str, object], status: int, param: str | None) -> None:
    answer = make(http, **changes)
    assert answer.status_code == status
    assert answer.json()["error"]["param"] == param
