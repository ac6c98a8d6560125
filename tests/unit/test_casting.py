"""Languages and options of a request against what engine and voice can do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from server.engines.base import Capabilities
from server.engines.tone import Tone
from server.errors import InvalidRequest
from server.settings import load_settings
from server.speech.casting import Casting
from server.speech.language import guess_language
from server.speech.request import Delivery
from server.voices.library import Library
from server.voices.voice import Voice
from server.voices.voicemap import VoiceMap

pytestmark = pytest.mark.unit

LANGUAGES = ("en-us", "en-gb", "de", "pt-br")


class FakeRegistry:
    """Says what an engine can do."""

    current = "fake"
    beside = ()

    def capabilities(self, name: str | None = None) -> Capabilities:
        return Capabilities("fake", "Fake", "", LANGUAGES, 24000, "", "", options=Tone.capabilities.options)

    def names(self) -> list[str]:
        return ["fake"]

    def voices(self, name: str | None = None) -> list[Voice]:
        return [Voice("american", "fake", "A", ("en-us",)), Voice("british", "fake", "B", ("en-gb",))]


def casting(home: Path, **environ: str) -> Casting:
    settings = load_settings(None, {f"TROUPE_{name}": value for name, value in environ.items()}, home)
    registry: Any = FakeRegistry()
    library = Library(home / "voices")
    return Casting(registry, VoiceMap(home / "voicemap.yaml"), library, lambda: settings, lambda: ["Disabled"])


@pytest.mark.parametrize(
    ("voice", "asked", "spoken"),
    [
        ("american", None, "en-us"),
        ("british", None, "en-gb"),
        ("british", "en", "en-gb"),
        ("american", "en", "en-us"),
        ("american", "en-gb", "en-gb"),
        ("american", "en-au", "en-us"),
        ("american", "de", "de"),
        ("american", "pt", "pt-br"),
        ("american", "auto", "en-us"),
    ],
)
def test_the_language_spoken(tmp_path: Path, voice: str, asked: str | None, spoken: str) -> None:
    found = casting(tmp_path).rendition(Delivery(voice), asked, "Where is the station, my friend?")
    assert found.language == spoken


def test_a_language_that_the_engine_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="en-us, en-gb, de, pt-br") as refusal:
        casting(tmp_path).rendition(Delivery("american"), "fr")
    assert refusal.value.param == "language"


def test_options_request_then_settings_then_default(tmp_path: Path) -> None:
    cast = casting(tmp_path, ENGINE__OPTIONS='{"fake": {"delay": 2.0}}')
    assert cast.rendition(Delivery("american"), None).values == {"delay": 2.0, "fault": "none"}
    assert cast.rendition(Delivery("american", values={"delay": 3}), None).values["delay"] == 3.0
    with pytest.raises(InvalidRequest, match="between 0 and 60"):
        cast.rendition(Delivery("american", values={"delay": 61}), None)
    with pytest.raises(InvalidRequest, match="one of none"):
        cast.rendition(Delivery("american", values={"fault": "all"}), None)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Where is the station, my friend?", "en"),
        ("Wo ist der Bahnhof, und wie komme ich dahin?", "de"),
        ("Où est la gare, mon ami ?", "fr"),
        ("¿Dónde está la estación, por favor?", "es"),
        ("駅はどこですか。", "ja"),
        ("车站在哪里？", "zh"),
        ("Где вокзал?", "ru"),
        ("12345", None),
        ("", None),
    ],
)
def test_guessing(text: str, language: str | None) -> None:
    assert guess_language(text, ("en", "de", "fr", "es", "ja", "zh", "ru")) == language
