"""Fetching a model from an engine's page: what is refused first, what is told, and who hears of the new voices."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from server.app import build
from server.engines.coqui.library import ENGINE
from server.engines.weights import package_file
from server.errors import Conflict, InvalidRequest, NotFound, Unavailable
from server.life import Life
from server.logs import Memory
from server.settings import load_settings
from server.studio import models
from server.troupe import Troupe

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(package_file("TTS", ".models.json") is None, reason="python3 -m server install coqui-vits"),
]

VITS, RESTRICTED = "tts_models/en/vctk/vits", "tts_models/en/vctk/fast_pitch"


def server_with(home: Path, engine: str, **environment: str) -> Troupe:
    table = {"tone": "server.engines.tone:Tone", ENGINE: engine}
    return build(load_settings(None, environment, home), "test", Life(host_owned=False), Memory(), table)


@pytest.fixture
def troupe(home: Path) -> Troupe:
    """A server in which the engine that hums stands for Coqui's."""
    return server_with(home, "server.engines.tone:Tone")


@pytest.fixture
def beside(home: Path) -> Troupe:
    """One that speaks with another engine, and has Coqui's beside it."""
    return server_with(home, "server.engines.tone:Tone", TROUPE_ENGINE__BESIDE=ENGINE)


class Hub:
    """In the place of the network."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem
        self.fetched: list[tuple[str, Path, bool]] = []

    def __call__(self, name: str, folder: Path, report: Any, *, accepted: bool) -> None:
        report("Downloading, 1 of 2 MB", 0.5)
        if self.problem is not None:
            raise self.problem
        self.fetched.append((name, folder, accepted))


async def fetched(troupe: Troupe, name: str, accepted: bool = False) -> None:
    models.begin(troupe, name, accepted)
    while troupe.installs.running:
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)


def test_the_section_shows_what_can_be_fetched(troupe: Troupe) -> None:
    (troupe.registry.setup.models / ENGINE / "tts_models--en--vctk--vits").mkdir(parents=True)
    rows = {row["name"]: row for row in models.models_value(troupe)["models"]}
    assert rows[VITS] == {
        "name": VITS, "languages": ["en"], "licence": "apache 2.0", "asks": False, "vocoder": "", "there": True,
    }  # fmt: skip
    assert (rows[RESTRICTED]["asks"], rows[RESTRICTED]["there"]) == (True, False)
    assert rows["tts_models/en/ljspeech/glow-tts"]["vocoder"] == "vocoder_models/en/ljspeech/multiband-melgan"


def test_without_the_library_the_section_says_so(troupe: Troupe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.engines.coqui.library.package_file", lambda package, path: None)
    assert "install coqui-vits" in models.models_value(troupe)["problem"]


def test_what_is_fetched_is_told_and_heard(troupe: Troupe, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub()
    monkeypatch.setattr(models, "fetch_model", hub)

    async def run() -> tuple[int | None, int | None]:
        registry = troupe.registry
        await registry.load(ENGINE)
        before = registry.worker_pid
        await fetched(troupe, VITS)
        await registry.ready(60)
        try:
            return before, registry.worker_pid
        finally:
            await registry.close()

    before, after = asyncio.run(run())
    assert hub.fetched == [(VITS, troupe.registry.setup.models / ENGINE, False)]
    assert [*troupe.installs.lines] == ["Downloading, 1 of 2 MB", f"{VITS}: there"]
    assert (troupe.installs.name, troupe.installs.problem, troupe.installs.fraction) == (ENGINE, "", 1.0)
    assert before != after, "loaded again, so that it finds the model"


def test_beside_another_engine_it_is_heard_too(beside: Troupe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "fetch_model", Hub())

    async def run() -> None:
        registry = beside.registry
        try:
            await registry.load("tone")
            await registry.ready(60, ENGINE)
            slot, speaking = registry.slot(ENGINE), registry.worker_pid
            assert slot is not None
            before = slot.pid
            await fetched(beside, VITS)
            await registry.ready(60, ENGINE)
            assert slot.pid not in (None, before), "loaded again, so that it finds the model"
            assert (registry.current, registry.worker_pid) == ("tone", speaking)
        finally:
            await registry.close()

    asyncio.run(run())


def test_while_the_engine_is_being_loaded_it_is_not_missed(troupe: Troupe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "fetch_model", Hub())

    async def run() -> None:
        registry = troupe.registry
        try:
            loading = asyncio.create_task(registry.load(ENGINE))
            while registry.state != "loading":
                await asyncio.sleep(0)
            models.begin(troupe, VITS, False)
            await loading
            slot = registry.slot(ENGINE)
            assert slot is not None
            first = slot.pid
            end = time.monotonic() + 20
            while slot.pid in (None, first):
                assert time.monotonic() < end, "never loaded again"
                await asyncio.sleep(0.01)
            await registry.ready(60)
        finally:
            await registry.close()

    asyncio.run(run())


def test_an_engine_that_cannot_be_loaded_again_is_logged(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(models, "fetch_model", Hub())
    troupe = server_with(home, "tests.contract.broken_engine:Broken", TROUPE_ENGINE__BESIDE=ENGINE)

    async def run() -> None:
        registry = troupe.registry
        try:
            await registry.load("tone")
            while (slot := registry.slot(ENGINE)) is None or slot.state != "degraded":
                await asyncio.sleep(0.01)
            caplog.clear()
            models.begin(troupe, VITS, False)
            end = time.monotonic() + 20
            while "cannot be loaded again" not in caplog.text:
                assert time.monotonic() < end, caplog.text
                await asyncio.sleep(0.01)
        finally:
            await registry.close()

    asyncio.run(run())


def test_an_engine_that_does_not_speak_is_left_alone(troupe: Troupe, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub()
    monkeypatch.setattr(models, "fetch_model", hub)
    asyncio.run(fetched(troupe, RESTRICTED, accepted=True))
    assert [accepted for _, _, accepted in hub.fetched] == [True]
    assert troupe.registry.current == ""


def test_why_it_failed_is_shown(troupe: Troupe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "fetch_model", Hub(Unavailable("There is no network.")))
    asyncio.run(fetched(troupe, VITS))
    assert troupe.installs.problem == "There is no network."


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        (RESTRICTED, Unavailable, "NC-ND"),
        ("tts_models/en/vctk/vitz", NotFound, VITS),
        ("tts_models/multilingual/multi-dataset/bark", InvalidRequest, "no speakers"),
        ("../../etc", NotFound, "no model"),
    ],
)
def test_what_can_be_refused_is_refused_at_once(
    name: str, error: type[Exception], words: str, troupe: Troupe
) -> None:
    with pytest.raises(error, match=words):
        asyncio.run(fetched(troupe, name))
    assert troupe.installs.name == ""


def test_one_thing_at_a_time(troupe: Troupe, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(name: str, folder: Path, report: Any, *, accepted: bool) -> None:
        while True:
            report("Downloading", None)

    monkeypatch.setattr(models, "fetch_model", endless)

    async def run() -> None:
        models.begin(troupe, VITS, False)
        with pytest.raises(Conflict):
            models.begin(troupe, VITS, False)
        troupe.installs.stop()
        while troupe.installs.running:
            await asyncio.sleep(0.005)

    asyncio.run(run())
    assert troupe.installs.problem.startswith("Stopped")
