"""Several engines at once: loading each when it is wanted, where, for how long, and which one is current."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from tests.api.beside import TABLE, allow, ask, heard, refusal
from tests.running import running, wait_for

pytestmark = pytest.mark.api


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
        allow(server, "gong")
        waiting.join()
        assert quick < came[0]


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
