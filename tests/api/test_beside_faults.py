"""Several engines at once: what crashes, cannot be loaded or is slow does not trouble the others; memory of each."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.beside import TABLE, allow, ask, heard, refusal
from tests.running import Running, running, wait_for

pytestmark = pytest.mark.api


@pytest.fixture
def http(both: Running) -> Iterator[httpx.Client]:
    """A client of the server with two engines."""
    with both.http() as client:
        yield client


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


def test_a_slow_engine_does_not_hold_up_the_other(tmp_path: Path) -> None:
    settings = {"engine__name": "chime", "engine__beside": "bell"}
    with running(tmp_path, engines=TABLE, **settings) as server, server.http() as http:
        wait_for(lambda: server.troupe.registry.voices("bell"))
        ended: list[float] = []

        def slow() -> None:
            with server.http() as client:
                assert ask(client, "high").status_code == 200
            ended.append(time.monotonic())

        threads = [threading.Thread(target=slow) for _ in range(6)]  # more than it takes at once
        for thread in threads:
            thread.start()
        wait_for(lambda: server.troupe.speech.scheduler.open == 6)
        assert ask(http, "bell:ding").status_code == 200
        quick = time.monotonic()
        allow(server, "chime")
        for thread in threads:
            thread.join()
        assert len(ended) == 6
        assert quick < min(ended)


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
