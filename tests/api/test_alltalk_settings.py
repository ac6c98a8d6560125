"""What AllTalk's clients ask about the server when they start, and what they switch and load again."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from server.engines.table import ENGINES
from tests.api.alltalk import PAGE, failure, generate
from tests.running import Running, running

pytestmark = pytest.mark.api


def test_ready_is_one_bare_word(http: httpx.Client) -> None:
    answer = http.get("/api/ready", headers=PAGE)
    assert answer.content == b"Ready"
    assert answer.headers["access-control-allow-origin"] == PAGE["Origin"]


def test_voices_are_names(http: httpx.Client) -> None:
    body = http.get("/api/voices").json()
    assert body["status"] == "success"
    assert body["voices"][:2] == ["low", "mid"]


def test_rvc_voices_begin_with_none(http: httpx.Client) -> None:
    body = http.get("/api/rvcvoices").json()
    assert body["status"] == "success"
    assert body["rvcvoices"] == ["Disabled"]


def test_current_settings_have_all_that_alltalk_s_have(http: httpx.Client) -> None:
    body = http.get("/api/currentsettings").json()
    capable = {
        f"{what}_capable"
        for what in ("deepspeed", "generationspeed", "lowvram", "pitch", "repetitionpenalty", "streaming")
    }
    capable |= {f"{what}_capable" for what in ("temperature", "languages", "multivoice", "multimodel")}
    settings = {f"{what}_set" for what in ("generationspeed", "pitch", "repetitionpenalty", "temperature")}
    assert set(body) == capable | settings | {
        "engines_available",
        "current_engine_loaded",
        "models_available",
        "current_model_loaded",
        "manufacturer_name",
        "audio_format",
        "deepspeed_available",
        "deepspeed_enabled",
        "lowvram_enabled",
        "ttsengines_installed",
    }
    assert body["current_engine_loaded"] == body["current_model_loaded"] == "tone"
    assert {"name": "tone"} in body["models_available"]
    assert "tone" in body["engines_available"]


# Switches


@pytest.mark.parametrize("route", ["deepspeed?new_deepspeed_value", "lowvramsetting?new_low_vram_value"])
def test_switches_that_no_engine_has(http: httpx.Client, route: str) -> None:
    assert http.post(f"/api/{route}=False").json()["status"] == "success"
    on = http.post(f"/api/{route}=True")
    assert on.status_code == 200
    assert on.json()["status"] == "error"
    assert "Tone" in on.json()["message"]
    failure(http.post(f"/api/{route}=perhaps"), 400, "error")
    failure(http.post(f"/api/{route.partition('?')[0]}"), 400, "error")


def test_low_vram_is_switched_where_the_engine_has_it(tmp_path: Path) -> None:
    engines = {**ENGINES, "shy": "tests.api.bell_engine:Shy"}
    with running(tmp_path, engines=engines, engine__name="shy") as server, server.http() as client:
        worker = server.troupe.registry.worker_pid
        before = client.get("/api/currentsettings").json()
        assert (before["lowvram_capable"], before["lowvram_enabled"]) == (True, False)
        off = client.post("/api/lowvramsetting?new_low_vram_value=False").json()
        assert off == {"status": "success", "message": "LowVRAM is already off."}
        assert client.post("/api/lowvramsetting?new_low_vram_value=True").json()["status"] == "lowvram-success"
        assert client.get("/api/currentsettings").json()["lowvram_enabled"] is True
        assert server.troupe.registry.worker_pid not in (worker, None), "such an option wants the engine loaded again"
        assert "low_vram: true" in (tmp_path / "settings.yaml").read_text(encoding="utf-8")
        again = client.post("/api/lowvramsetting?new_low_vram_value=True").json()
        assert again == {"status": "success", "message": "LowVRAM is already on."}
        assert generate(client, character_voice_gen="ding").status_code == 200


def test_reloading_the_current_engine(http: httpx.Client) -> None:
    assert http.post("/api/reload", params={"tts_method": "tone"}).json() == {"status": "model-success"}
    assert http.post("/api/enginereload", params={"engine": "Tone"}).json() == {"status": "engine-success"}
    assert http.get("/api/ready").text == "Ready"


@pytest.mark.parametrize("route", ["reload?tts_method=", "enginereload?engine="])
def test_reloading_an_unknown_engine_leaves_the_old_one(http: httpx.Client, route: str) -> None:
    assert "xtts9" in failure(http.post(f"/api/{route}xtts9"), 404, "error")
    assert http.get("/api/ready").text == "Ready"
    assert generate(http).status_code == 200


def test_settings_are_read_again(served: Running, http: httpx.Client) -> None:
    mine = served.home / "settings.yaml"
    mine.write_text("openai: {default_format: wav}\n", encoding="utf-8")
    try:
        answer = http.get("/api/reload_config")
        assert answer.text == "Config file reloaded successfully"
        assert served.troupe.settings.now.openai.default_format == "wav"
        mine.write_text("openai: {default_fromat: wav}\n", encoding="utf-8")
        assert "default_fromat" in failure(http.get("/api/reload_config"), 500, "error")
        assert served.troupe.settings.now.openai.default_format == "wav"
    finally:
        mine.unlink()
        http.get("/api/reload_config")
