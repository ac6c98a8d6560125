"""What a killed worker looks like from outside."""

from __future__ import annotations

import os
import signal
import time

import httpx
import psutil
import pytest

from tests.e2e.real import RealServer
from tests.e2e.sentences import DOOR, WEATHER

pytestmark = pytest.mark.e2e

LONG = f"{WEATHER} {DOOR} " * 4
KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Windows knows one way to end a process, and it is as rude."""


def body(text: str) -> dict[str, object]:
    return {"model": "any", "input": text, "voice": "nova", "response_format": "pcm"}


def speak(http: httpx.Client, text: str) -> httpx.Response:
    """As the SDKs do it: a server that says when to come back is asked again then."""
    for _ in range(20):
        answer = http.post("/v1/audio/speech", json=body(text))
        if answer.status_code != 503:
            break
        time.sleep(int(answer.headers["retry-after"]))
    return answer


def test_a_worker_killed_in_mid_sentence_cuts_the_sound_and_the_next_request_speaks(real: RealServer) -> None:
    victim = real.worker()
    with real.http() as http:
        with http.stream("POST", "/v1/audio/speech", json=body(LONG)) as answer:
            assert answer.status_code == 200
            sound = answer.iter_raw()
            next(sound)
            os.kill(victim, KILL)
            with pytest.raises(httpx.RemoteProtocolError):  # a clean end would look like all of it
                list(sound)
        assert http.get("/health").status_code == 200
        again = speak(http, "Here I am again.")
        assert again.status_code == 200
        assert len(again.content) > 24_000
        assert "troupe_worker_restarts 1" in http.get("/metrics").text
    assert real.worker() != victim
    assert not psutil.pid_exists(victim)


def test_a_worker_killed_before_the_first_sound_is_an_error_with_a_status(real: RealServer) -> None:
    """Or, where another worker was quick enough, the sound."""
    with real.http() as http, real.http() as other:
        speak(http, "Hi.").raise_for_status()
        with other.stream("POST", "/v1/audio/speech", json=body(LONG)) as answer:
            next(answer.iter_raw())
        os.kill(real.worker(), KILL)
        answer = http.post("/v1/audio/speech", json=body("Are you there?"))
        assert answer.status_code in (200, 500, 503)
        if answer.status_code != 200:
            assert answer.json()["error"]["type"] in ("server_error", "server_overloaded")
        assert speak(http, "Here I am again.").status_code == 200


def test_who_leaves_stops_the_synthesis(real: RealServer) -> None:
    with real.http() as http:
        speak(http, "Hi.").raise_for_status()
        with http.stream("POST", "/v1/audio/speech", json=body(LONG)) as answer:
            next(answer.iter_raw())
        left = time.monotonic()
        while "troupe_queue 0" not in http.get("/metrics").text:
            assert time.monotonic() - left < 10
            time.sleep(0.02)
