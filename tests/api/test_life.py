"""Readiness, leases, limits on connections, an engine that is not there."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import httpx
import pytest

from server.boot.home import made_by_troupe
from server.life import Life
from server.settings import write_user_setting
from tests.running import Running, running, wait_for

pytestmark = pytest.mark.api


def test_ready_and_health(http: httpx.Client) -> None:
    assert http.get("/api/ready").text == "Ready"
    health = http.get("/health").json()
    assert set(health) == {"product", "version", "api", "instance", "listen", "state", "engine", "device", "detail"}
    assert (health["product"], health["api"], health["state"], health["engine"]) == ("troupe", 1, "ready", "tone")


def test_an_engine_that_cannot_be_loaded_is_told(tmp_path: Path) -> None:
    with running(tmp_path, engine__name="nosuch") as server, server.http() as http:
        assert http.get("/api/ready").text == "Unloaded"
        health = http.get("/health").json()
        assert health["state"] == "degraded"
        assert "nosuch" in health["detail"]
        answer = http.post("/v1/audio/speech", json={"model": "x", "input": "hi", "voice": "nova"})
        assert answer.status_code == 503
        assert "nosuch" in answer.json()["error"]["message"]
        assert http.put("/api/engine", json={"engine": "tone"}).json() == {"current": "tone", "state": "ready"}
        assert http.get("/api/ready").text == "Ready"


def test_switching(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.http() as http:
        answer = http.put("/api/engine", json={"engine": "nosuch"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "engine_not_found")
        assert http.get("/api/engine").json()["current"] == "tone"
        assert http.get("/api/ready").text == "Ready"


def test_a_lease_is_held_while_it_is_open(served: Running) -> None:
    life = served.troupe.life
    with served.http() as http, http.stream("GET", "/api/lease") as answer:
        lines = answer.iter_raw()
        assert next(lines) == b"held\n"
        assert life.leases == 1
    wait_for(lambda: life.leases == 0)


def test_a_host_owned_server_ends_without_pipe_and_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.life.LINGER", 0.05)
    monkeypatch.setattr("server.life._LOOK", 0.01)

    async def run() -> None:
        there = True
        life = Life(host_owned=True, host_is_there=lambda: there)
        end = asyncio.create_task(life.unused())
        with life.lease():
            await asyncio.sleep(0.2)
            there = False
            await asyncio.sleep(0.2)
            assert not end.done()
        await asyncio.wait_for(end, 2)

    asyncio.run(run())


def test_too_many_connections_are_told_to_come_back(tmp_path: Path) -> None:
    with running(tmp_path, server__max_connections="2") as server:
        release = threading.Event()
        held = threading.Barrier(3)

        def hold() -> None:
            with server.http() as client, client.stream("GET", "/api/lease") as answer:
                lines = answer.iter_raw()
                next(lines)
                held.wait(10)
                release.wait(10)

        threads = [threading.Thread(target=hold) for _ in range(2)]
        for thread in threads:
            thread.start()
        held.wait(10)
        with server.http() as http:
            answer = http.get("/api/openai-voicemap")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
            assert http.get("/health").status_code == 200
            release.set()
            wait_for(lambda: http.get("/api/openai-voicemap").status_code == 200)
        for thread in threads:
            thread.join()


def test_with_a_key_everything_but_the_open_paths_wants_it(tmp_path: Path) -> None:
    with running(tmp_path, key="k" * 32) as server, server.http() as http:
        assert http.get("/health").json()["state"] == "ready"
        assert http.get("/health").json()["engine"] == ""
        assert http.get("/v1/audio/voices").status_code == 200
        refused = http.get("/api/openai-voicemap")
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        for header in ({"Authorization": "Bearer " + "k" * 32}, {"x-api-key": "k" * 32}):
            assert http.get("/api/openai-voicemap", headers=header).status_code == 200
            assert http.get("/health", headers=header).json()["engine"] == "tone"


def test_a_page_of_another_local_port_may_use_it_and_a_strange_one_may_not(http: httpx.Client) -> None:
    body = {"model": "x", "input": "hi", "voice": "nova"}
    mine = http.post("/v1/audio/speech", json=body, headers={"Origin": "http://localhost:8000"})
    assert mine.headers["access-control-allow-origin"] == "http://localhost:8000"
    strange = http.post("/v1/audio/speech", json=body, headers={"Origin": "https://evil.example"})
    assert strange.status_code == 403
    assert "--allow-origin https://evil.example" in strange.json()["error"]["message"]
    rebound = http.get("/health", headers={"Host": "evil.example"})
    assert rebound.status_code == 421
    assert "--host-name evil.example" in rebound.json()["error"]["message"]


def test_all_that_a_server_makes_is_known_to_uninstall(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.http() as http:
        write_user_setting(tmp_path, "language", "de")
        assert http.put("/api/openai-voicemap", json={"alloy": "low"}).status_code == 200
    assert len(list(tmp_path.iterdir())) > 3
    assert [path.name for path in tmp_path.iterdir() if not made_by_troupe(path)] == []
