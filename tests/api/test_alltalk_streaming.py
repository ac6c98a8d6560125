"""AllTalk's streaming, by address and by form, and its stop."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.api.alltalk import HIGH, failure, generate, seconds_of, stream_query
from tests.running import running, wait_for

pytestmark = pytest.mark.api


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


# Stopping


def test_stopping_nothing_is_fine(http: httpx.Client) -> None:
    assert http.put("/api/stop-generation").json() == {"message": "Nothing is being generated"}


def test_stopping_ends_generations_inside_the_sentence(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.http() as http:
        # At this pace the sentence takes longer than a client waits: who is answered was stopped inside it.
        server.troupe.settings.change("engine.options.tone", {"delay": 60.0})
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
        assert http.put("/api/stop-generation").json() == {"message": "Cancelling current TTS generation"}
        for thread in threads:
            thread.join()
        assert server.troupe.speech.scheduler.open == 0
        form = answers["form"]
        assert isinstance(form, httpx.Response)
        assert "stopped" in failure(form, 499)
        stream = answers["stream"]
        assert isinstance(stream, httpx.RemoteProtocolError) or failure(stream, 499)  # type: ignore[arg-type]
        server.troupe.settings.change("engine.options.tone", None)
        assert generate(http, text_input="Hi.").status_code == 200
