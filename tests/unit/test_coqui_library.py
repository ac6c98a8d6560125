"""The Coqui library's list: what of it can speak, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.engines.coqui import library
from server.engines.coqui.library import find_model, read_list, speaking_models
from server.engines.coqui.pins import PINS
from server.engines.coqui.vits import LANGUAGES
from server.engines.weights import package_file
from server.errors import InvalidRequest, NotFound, Unavailable
from tests.unit.coqui_list import HUB, MEL, RESTRICTED, VITS

pytestmark = pytest.mark.unit


def test_the_list_is_what_can_speak(listed: Path) -> None:
    models = speaking_models(listed)
    assert [*models] == [
        VITS, RESTRICTED, MEL, HUB, "tts_models/tw_asante/openbible/vits",
        "tts_models/multilingual/multi-dataset/your_tts",
    ]  # fmt: skip
    assert models[MEL].vocoder == "vocoder_models/en/sam/gan"
    assert models[HUB].languages == ("zh",)
    assert models["tts_models/tw_asante/openbible/vits"].languages == ("tw",)
    assert [name for name, model in models.items() if model.asks] == [
        RESTRICTED, "tts_models/multilingual/multi-dataset/your_tts"
    ]  # fmt: skip
    assert "voice_conversion_models/multilingual/x/knnvc" not in read_list(listed)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("tts_models/multilingual/multi-dataset/xtts_v2", "install xtts"),
        ("tts_models/multilingual/multi-dataset/bark", "no speakers"),
        ("tts_models/en/multi-dataset/tortoise-v2", "minutes"),
        ("voice_conversion_models/multilingual/x/knnvc", "does not speak"),
        ("vocoder_models/en/sam/gan", "vocoder"),
        ("tts_models/deu/fairseq/vits", "not in the library's list"),
    ],
)
def test_what_cannot_speak_says_why(name: str, words: str, listed: Path) -> None:
    with pytest.raises(InvalidRequest, match=words):
        find_model(name, listed)


def test_an_unknown_name_is_answered_with_near_ones(listed: Path) -> None:
    with pytest.raises(NotFound, match=f"Near to it: {VITS}"):
        find_model("tts_models/en/vctk/vitz", listed)
    with pytest.raises(NotFound, match="for example"):
        find_model("tts_models/q/q/q", listed)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "package_file", lambda package, path: None)
    with pytest.raises(Unavailable, match="install coqui-vits"):
        speaking_models()


@pytest.mark.skipif(package_file("TTS", ".models.json") is None, reason="python3 -m server install coqui-vits")
def test_every_language_of_the_installed_list_can_be_spoken() -> None:
    models = speaking_models()
    assert len(models) > 60
    assert {tag for model in models.values() for tag in model.languages} <= set(LANGUAGES)
    assert all(model.url.startswith("https://github.com/") or model.repo for model in models.values())
    assert {*PINS} <= {*read_list()}
    assert all(size > 0 and len(sha256) == 64 for size, sha256 in PINS.values())
    assert all(model.vocoder in read_list() for model in models.values() if model.vocoder)
