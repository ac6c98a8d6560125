"""RVC is prepared when it is needed, once, and never at the cost of anything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from server.errors import SynthesisFailed
from server.settings import Settings, load_settings
from server.speech import rehearsal as module
from server.speech.rehearsal import Rehearsal
from server.speech.rendition import RvcChoice
from server.voices.library import Library
from server.voices.manifest import VoiceSettings

pytestmark = pytest.mark.unit

NAMES = ["Disabled", "Ghost", "Wraith", "Banshee"]


class Registry:
    """Counts how often somebody looks at it."""

    current = "tone"
    beside: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.now = "ready"
        self.looks = 0

    @property
    def state(self) -> str:
        self.looks += 1
        return self.now


@dataclass
class Converters:
    """Remembers what was rehearsed; some voices fail."""

    broken: dict[str, str] = field(default_factory=dict)
    rehearsed: list[str] = field(default_factory=list)
    before: Callable[[], None] = lambda: None

    def names(self) -> list[str]:
        return NAMES

    async def rehearse(self, choice: RvcChoice) -> None:
        self.before()
        self.rehearsed.append(choice.voice)
        if choice.voice in self.broken:
            raise SynthesisFailed(self.broken[choice.voice])


class Stage:
    """A rehearsal among fakes; ``look`` lets it look a few times."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.registry = Registry()
        self.converters = Converters()
        self.library = Library(home / "voices")
        self.set(enabled="true", character="Ghost")
        self.rehearsal = Rehearsal(
            self.registry,  # type: ignore[arg-type]
            self.library,
            self.converters,  # type: ignore[arg-type]
            lambda: self.settings,
            look_every=0.001,
        )

    def set(self, **rvc: str) -> None:
        self.settings: Settings = load_settings(
            None, {f"TROUPE_RVC__{name.upper()}": value for name, value in rvc.items()}, self.home
        )

    def look(self) -> list[str]:
        """What was rehearsed meanwhile."""

        async def run() -> None:
            seen = self.registry.looks
            keeping = asyncio.create_task(self.rehearsal.keep())
            while self.registry.looks < seen + 3 and not keeping.done():  # two looks are over
                await asyncio.sleep(0.001)
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

        self.converters.rehearsed.clear()
        asyncio.run(run())
        return list(self.converters.rehearsed)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(module, "rvc_is_installed", lambda: True)
    return Stage(tmp_path)


def test_what_is_chosen_for_all_and_for_single_voices_is_prepared_once(stage: Stage) -> None:
    stage.library.set_settings("tone", "low", VoiceSettings(rvc="Banshee"))
    stage.library.set_settings("tone", "high", VoiceSettings(rvc="Disabled"))
    stage.library.set_settings("other", "x", VoiceSettings(rvc="Wraith"))
    assert stage.look() == ["Ghost", "Banshee"], "not that of an engine that is not loaded"
    assert stage.look() == []
    stage.registry.beside = ("other",)
    assert stage.look() == ["Ghost", "Banshee", "Wraith"]


@pytest.mark.parametrize("change", [{"narrator": "Wraith"}, {"f0_method": "yin"}, {"memory_gb": "2"}])
def test_another_choice_is_prepared(stage: Stage, change: dict[str, str]) -> None:
    assert stage.look() == ["Ghost"]
    stage.set(enabled="true", character="Ghost", **change)
    assert stage.look() == ["Ghost", *([change["narrator"]] if "narrator" in change else [])]


def test_less_than_before_needs_nothing_and_the_switch_starts_anew(stage: Stage) -> None:
    stage.set(enabled="true", character="Ghost", narrator="Wraith")
    assert stage.look() == ["Ghost", "Wraith"]
    stage.set(enabled="true", character="Wraith")
    assert stage.look() == []
    stage.set(enabled="false", character="Wraith")
    assert stage.look() == []
    stage.set(enabled="true", character="Wraith")
    assert stage.look() == ["Wraith"]


@pytest.mark.parametrize("rvc", [{"enabled": "false"}, {"character": "Disabled"}, {"character": "Gone"}])
def test_nothing_is_prepared_that_nobody_needs(stage: Stage, rvc: dict[str, str]) -> None:
    stage.set(**{"enabled": "true", "character": "Ghost", **rvc})
    assert stage.look() == []


def test_it_waits_for_the_engine_and_for_its_packages(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.registry.now = "loading"
    assert stage.look() == []
    stage.registry.now = "ready"
    monkeypatch.setattr(module, "rvc_is_installed", lambda: False)
    assert stage.look() == []
    monkeypatch.setattr(module, "rvc_is_installed", lambda: True)
    assert stage.look() == ["Ghost"]


def test_a_failure_is_logged_once_and_shown(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "troupe.rvc")
    stage.set(enabled="true", character="Ghost", narrator="Wraith")
    stage.converters.broken = {"Ghost": "This is no RVC voice."}
    assert stage.look() == ["Ghost", "Wraith"]
    assert (stage.rehearsal.problem, stage.rehearsal.preparing) == ("This is no RVC voice.", False)
    assert [record.getMessage() for record in caplog.records] == [
        "the RVC voice Ghost could not be prepared: This is no RVC voice.",
        "the RVC voice Wraith is ready",
    ]
    stage.set(enabled="false")
    stage.look()
    assert stage.rehearsal.problem == ""


def test_a_failure_of_all_is_not_tried_for_each(stage: Stage) -> None:
    stage.set(enabled="true", character="Ghost", narrator="Wraith")
    stage.library.set_settings("tone", "low", VoiceSettings(rvc="Banshee"))
    stage.converters.broken = dict.fromkeys(NAMES, "contentvec.bin could not be fetched.")
    assert stage.look() == ["Ghost", "Wraith"]


def test_what_nobody_foresaw_is_shown_and_the_next_choice_prepared(stage: Stage) -> None:
    def burst() -> None:
        raise ZeroDivisionError("nobody foresaw this")

    stage.converters.before = burst
    assert stage.look() == []
    assert "ZeroDivisionError" in stage.rehearsal.problem
    stage.converters.before = lambda: None
    stage.set(enabled="true", character="Wraith")
    assert stage.look() == ["Wraith"]
    assert stage.rehearsal.problem == ""


def test_it_says_that_it_prepares(stage: Stage) -> None:
    seen: list[bool] = []
    stage.converters.before = lambda: seen.append(stage.rehearsal.preparing)
    stage.look()
    assert seen == [True]


def test_a_damaged_list_of_voices_ends_nothing(stage: Stage) -> None:
    stage.library.set_settings("tone", "low", VoiceSettings(rvc="Ghost"))
    file = next(stage.home.rglob("*.yaml"))
    whole = file.read_text(encoding="utf-8")
    file.write_text("voices: [", encoding="utf-8")
    stage.look()
    file.write_text(whole, encoding="utf-8")
    stage.set(enabled="true", character="Wraith")
    assert "Wraith" in stage.look()
