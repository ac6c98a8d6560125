"""What the studio shows and changes of engines that are loaded beside the current one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from server.studio.choices import narrator_choice, why_no_voices
from server.studio.engines import engine_value
from server.studio.mappings import mapping_values
from server.studio.voices import card_values
from server.troupe import Troupe
from server.voices.names import OPENAI_NAMES
from tests.api.beside import allow
from tests.running import Running, running, wait_for

pytestmark = pytest.mark.api

TABLE = {
    "tone": "server.engines.tone:Tone",
    "bell": "tests.api.bell_engine:Bell",
    "chimes": "tests.api.bell_engine:Chimes",
    "gong": "tests.api.bell_engine:Gong",
    "absent": "tests.contract.broken_engine:Absent",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The toy engine with bells beside it, and one that is not installed; tests put back what they change."""
    with running(tmp_path_factory.mktemp("beside"), engines=TABLE, engine__beside="bell,chimes,absent") as server:
        wait_for(lambda: server.troupe.registry.voices("bell") and server.troupe.registry.voices("chimes"))
        yield server


@pytest.fixture
def troupe(server: Running) -> Troupe:
    return server.troupe


@pytest.fixture
def url(server: Running) -> str:
    return server.url


def row(troupe: Troupe, engine: str, name: str) -> Any:
    return next(row for row in mapping_values(troupe, engine)["rows"] if row["name"] == name)


def test_an_engine_beside_has_mappings_of_its_own(troupe: Troupe) -> None:
    catalogue = troupe.casting.catalogue("bell")
    try:
        troupe.voice_map.put(catalogue, {"nova": "Dong.wav", "echo": "chimes:chimes/ding", "fable": "female_02"})
        nova, echo, fable = (row(troupe, "bell", name) for name in ("nova", "echo", "fable"))
        assert (nova["set"], nova["ask"], nova["default_ask"]) == ("dong", "bell:dong", f"bell:{nova['default']}")
        assert (echo["set"], echo["ask"]) == ("chimes:chimes/ding", "chimes:chimes/ding")
        assert (fable["voice"], fable["ask"]) == ("dong", "bell:dong")
        assert row(troupe, "tone", "nova")["set"] is None, "the map in force is as it was"
        text = troupe.voice_map.path.read_text(encoding="utf-8")
        assert "bell:\n  echo: chimes:chimes/ding" in text
    finally:
        troupe.voice_map.put(catalogue, dict.fromkeys(OPENAI_NAMES))


def test_each_page_offers_the_voices_that_its_engine_will_have(troupe: Troupe) -> None:
    def offered(engine: str) -> dict[str, str]:
        return {voice["id"]: voice["ask"] for voice in mapping_values(troupe, engine)["voices"]}

    tone, bell = offered("tone"), offered("bell")
    assert (tone["low"], tone["bell:ding"], tone["chimes:chimes/ding"]) == ("low", "bell:ding", "chimes:chimes/ding")
    assert (bell["ding"], bell["chimes:chimes/ding"]) == ("bell:ding", "chimes:chimes/ding")
    assert not any(name.startswith(("tone:", "bell:")) for name in bell), "the toy engine will not be loaded then"
    labels = {voice["id"]: voice["label"] for voice in mapping_values(troupe, "bell")["voices"]}
    assert labels["ding"] == "Ding, neutral"
    assert labels["chimes:chimes/ding"].endswith(" – Chimes")


def test_whose_mappings_are_in_force_is_said(troupe: Troupe) -> None:
    assert mapping_values(troupe, "tone")["note"] == ""
    assert "Tone is the engine that speaks now" in mapping_values(troupe, "bell")["note"]


def test_the_narrator_is_another_voice_than_the_character(troupe: Troupe) -> None:
    assert narrator_choice(troupe, "low") == "mid"
    assert narrator_choice(troupe, "mid") == "low"
    assert narrator_choice(troupe, "bell:ding") == "low"
    assert narrator_choice(troupe, "nova") == "low", "whose voice that is may change"


def test_why_an_engine_has_no_voices(troupe: Troupe) -> None:
    assert why_no_voices(troupe) == why_no_voices(troupe, "bell") == ""
    wait_for(lambda: "not installed" in why_no_voices(troupe, "absent"))
    assert mapping_values(troupe, "absent")["problem"] == why_no_voices(troupe, "absent")


def test_an_engine_that_is_being_loaded_says_so_on_its_own_page(server: Running, troupe: Troupe, url: str) -> None:
    """It is not the current one before it can speak."""
    assert engine_value(troupe, "gong")["state"] == "other"
    wish = {"json": {"engine": "gong"}, "timeout": 60}
    switch = threading.Thread(target=httpx.put, args=[f"{url}/api/engine"], kwargs=wish)
    switch.start()
    try:
        wait_for(lambda: engine_value(troupe, "gong")["state"] == "loading")
        assert "still loading" in why_no_voices(troupe, "gong")
        assert engine_value(troupe, "tone")["state"] == "ready", "the other one goes on"
    finally:
        allow(server, "gong")
        switch.join()
        httpx.put(f"{url}/api/engine", json={"engine": "tone"}, timeout=60).raise_for_status()
    assert engine_value(troupe, "tone")["state"] == "ready"


def test_an_engine_that_is_not_installed_offers_that_also_beside(troupe: Troupe) -> None:
    shown = engine_value(troupe, "absent")
    assert (shown["state"], shown["beside"]) == ("missing", True)


def test_cards_are_of_all_loaded_engines(troupe: Troupe) -> None:
    shown = card_values(troupe)
    assert [engine["title"] for engine in shown["engines"]] == ["Tone", "Bell", "Chimes"]
    cards = {voice["id"]: voice for voice in shown["voices"]}
    assert (cards["high"]["engine"], cards["bell:high"]["engine"]) == ("tone", "bell")
    try:
        troupe.voice_map.put(troupe.casting.catalogue(), {"nova": "bell:high"})
        cards = {voice["id"]: voice for voice in card_values(troupe)["voices"]}
        assert cards["bell:high"]["openai"] == ["nova"]
        assert "nova" not in cards["high"]["openai"]
    finally:
        troupe.voice_map.put(troupe.casting.catalogue(), {"nova": None})


def test_own_voices_of_an_engine_beside_are_shown_and_brought_back(troupe: Troupe) -> None:
    troupe.library.add_blend("Peal", "ding(1)+dong(1)", troupe.casting.catalogue("bell"))

    def peal() -> list[Any]:
        return [voice for voice in card_values(troupe)["voices"] if voice["id"] == "bell:Peal"]

    assert [voice["kind"] for voice in peal()] == ["blend"]
    troupe.library.delete(*troupe.casting.place("bell:Peal"))
    assert peal() == []
    assert card_values(troupe)["deleted"] == [{"id": "bell:Peal", "name": "Peal (Bell)"}]
    troupe.library.restore(*troupe.casting.place("bell:Peal"))
    assert len(peal()) == 1
    troupe.library.delete("bell", "Peal", forever=True)
