"""Kokoro on the real model: what it says, when, how its windows join, how it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from server.engines.base import Cancel, EngineContext, SynthesisOptions
from server.engines.kokoro.engine import RATE, WEIGHTS, Kokoro
from server.engines.kokoro.frontend import Frontend
from server.engines.kokoro.model import Model
from server.engines.kokoro.moments import ExpectedMoments
from server.engines.kokoro.utterance import tokens_of
from server.engines.kokoro.voices import VoiceBook
from server.engines.kokoro.windows import Window, plan
from server.errors import Cancelled, InvalidRequest, Unavailable
from server.text.piece import PhonemeSpan, Piece
from server.voices.voice import Voice
from tests.listen import transcribe, word_error_rate

pytestmark = pytest.mark.contract

SENTENCE = "The quick brown fox jumps over the lazy dog, and then it sat down by the river to watch the clouds."


@dataclass(frozen=True)
class Take:
    """What was heard, whole."""

    samples: np.ndarray
    chunks: list[float]
    words: list[tuple[str, float, float]]


def piece(text: str, *phonemes: PhonemeSpan) -> Piece:
    return Piece(text, 0, len(text), phonemes=phonemes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Kokoro:
    engine = Kokoro(EngineContext(models=folder))
    engine.load()
    return engine


@pytest.fixture(scope="module")
def frontend(engine: Kokoro) -> Frontend:
    assert engine._frontend is not None
    return engine._frontend


@pytest.fixture(scope="module")
def model(engine: Kokoro) -> Model:
    assert engine._model is not None
    return engine._model


@pytest.fixture(scope="module")
def heart(engine: Kokoro) -> Take:
    return speak(engine, SENTENCE, "af_heart")


def voice_of(engine: Kokoro, name: str) -> Voice:
    return next(voice for voice in engine.voices() if voice.id == name)


def speak(engine: Kokoro, text: str, voice: str | Voice, language: str = "en", speed: float = 1.0) -> Take:
    chosen = voice_of(engine, voice) if isinstance(voice, str) else voice
    samples, words, begin = [], [], 0.0
    for chunk in engine.synthesize(piece(text), chosen, SynthesisOptions(language=language, speed=speed)):
        assert chunk.rate == RATE
        words += [(text[word.text_start : word.text_end], begin + word.start, begin + word.end) for word in chunk.words]
        samples.append(chunk.samples)
        begin += chunk.seconds
    return Take(np.concatenate(samples), [len(part) / RATE for part in samples], words)


def test_the_sentence_is_understood(heart: Take) -> None:
    assert word_error_rate(SENTENCE, transcribe(heart.samples, RATE)) <= 0.05
    assert 5.5 < len(heart.samples) / RATE < 7.5
    assert 0.1 < np.abs(heart.samples).max() <= 1


def test_the_first_second_comes_first(heart: Take) -> None:
    assert len(heart.chunks) >= 3
    assert heart.chunks[0] < 1.3
    assert heart.chunks[0] < 0.25 * sum(heart.chunks)


def test_words_are_timed(heart: Take) -> None:
    assert [word for word, _, _ in heart.words] == SENTENCE.replace(",", "").rstrip(".").split()
    starts = [start for _, start, _ in heart.words]
    assert starts == sorted(starts)
    assert all(start < end for _, start, end in heart.words)
    loudness = [float(np.std(heart.samples[int(a * RATE) : int(b * RATE)])) for _, a, b in heart.words]
    pause = heart.samples[: int(starts[0] * RATE * 0.8)]
    assert min(loudness) > 3 * np.std(pause)


@pytest.mark.parametrize("name", ["af_heart", "am_onyx"])
def test_windows_sound_like_the_whole(engine: Kokoro, model: Model, frontend: Frontend, name: str) -> None:
    tokens = tokens_of(frontend.units(piece(SENTENCE), "en-us"))
    voice, book = voice_of(engine, name), VoiceBook()
    style = book.style(voice, len(tokens))
    acoustics = model.acoustics(tokens, style, 1.0, Cancel())
    expected = ExpectedMoments().of(voice)

    def decode(windows: list[Window]) -> list[np.ndarray]:
        return list(model.sound(acoustics, style, windows, expected, Cancel()))

    (whole,) = decode([Window(0, acoustics.steps)])
    parts = decode(plan(acoustics.steps))
    joined = np.concatenate(parts)
    assert len(joined) == len(whole)
    assert np.abs(log_bands(joined) - log_bands(whole)).mean() < 3
    at = 0
    for part in parts[:-1]:
        louder = 20 * np.log10(np.std(part) / np.std(whole[at : at + len(part)]))
        assert abs(louder) < 4
        at += len(part)
        steps = np.abs(np.diff(joined[at - 480 : at + 480]))
        assert steps.max() < 3 * np.abs(np.diff(whole[at - 2400 : at + 2400])).max()


def test_blends_speak(engine: Kokoro) -> None:
    blend = Voice("mine", "kokoro", "Mine", kind="blend", blend=(("af_heart", 0.6), ("am_onyx", 0.4)))
    take = speak(engine, "This is a blend of two voices.", blend)
    assert word_error_rate("This is a blend of two voices.", transcribe(take.samples, RATE)) <= 0.2


@pytest.mark.parametrize(("text", "voice", "language", "heard_as"), [
    ("Hola, me llamo Dora y vivo en Madrid.", "ef_dora", "es", "es"),
    ("Bonjour, je m'appelle Siwis et j'habite à Paris.", "ff_siwis", "fr-fr", "fr"),
    ("The rain in the garden has stopped.", "bf_emma", "en", "en"),
])  # fmt: skip
def test_languages_are_understood(engine: Kokoro, text: str, voice: str, language: str, heard_as: str) -> None:
    take = speak(engine, text, voice, language)
    assert word_error_rate(text, transcribe(take.samples, RATE, language=heard_as)) <= 0.3
    assert take.words[-1][0].strip(".") in text


@pytest.mark.parametrize("speed", [0.8, 1.25])
def test_speed(engine: Kokoro, heart: Take, speed: float) -> None:
    take = speak(engine, SENTENCE, "af_heart", speed=speed)
    assert len(take.samples) / len(heart.samples) == pytest.approx(1 / speed, rel=0.02)


@pytest.mark.parametrize(("text", "language", "phonemes"), [
    ("You will read it.", "en-us", "ɹˈid"),
    ("I read it yesterday.", "en-us", "ɹˈɛd"),
    ("We live here.", "en-us", "lˈɪv"),
    ("It is a live show.", "en-us", "lˈIv"),
    ("It costs $3.50.", "en-us", "θɹˈi dˈɑləɹz ænd fˈɪfti sˈɛnts"),
    ("Mr. O'Neil came.", "en-us", "Onˈil"),
    ("Meet at 10:30.", "en-us", "tˈɛn θˈɜɹTi"),
    ("I had a bath.", "en-gb", "bˈɑːθ"),
    ("I had a bath.", "en-us", "bˈæθ"),
    ("Grzegorz Brzęczyszczykiewicz", "en-us", "ɡ"),
    ("Gli gnocchi sono buoni.", "it", "ɲˈokːɪ"),
    ("नमस्ते दुनिया", "hi", "nəmˈʌsteː"),
    ("Não há coração.", "pt-br", "kˌoɾasˈɐ̃ʊ̃"),
])  # fmt: skip
def test_phonemes(frontend: Frontend, text: str, language: str, phonemes: str) -> None:
    units = frontend.units(piece(text), language)
    assert phonemes in "".join(part.phonemes for part in units)
    assert "❓" not in "".join(part.phonemes for part in units)
    assert [part.start for part in units] == sorted(part.start for part in units)
    assert all(0 <= part.start <= part.end <= len(text) for part in units)


def test_a_pronunciation_can_be_fixed(frontend: Frontend) -> None:
    text = "Meet Siobhan today."
    spans = (PhonemeSpan(5, 12, "ʃɪˈvɔːn"),)
    for language in ("en-us", "es"):
        units = frontend.units(piece(text, *spans), language)
        (fixed,) = [part for part in units if part.start == 5]
        assert fixed.phonemes.strip() == "ʃɪˈvɔːn"
        assert fixed.end == 12
        assert units[-1].end == len(text)


def test_espeak_serves_many_threads(frontend: Frontend) -> None:
    texts = {"es": "Los niños cantan.", "it": "Gli gnocchi sono buoni.", "fr-fr": "Les enfants chantent."}
    alone = {language: frontend.units(piece(text), language) for language, text in texts.items()}
    wrong: list[str] = []

    def ask(language: str) -> None:
        for _ in range(30):
            if frontend.units(piece(texts[language]), language) != alone[language]:
                wrong.append(language)

    threads = [threading.Thread(target=ask, args=(language,)) for language in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_text_beyond_the_models_limit_is_spoken_whole(frontend: Frontend, engine: Kokoro) -> None:
    from server.engines.kokoro.utterance import split

    text = ", ".join(f"number {number} is here" for number in range(1, 60)) + "."
    units = frontend.units(piece(text), "en-us")
    utterances = split(units)
    assert len(utterances) > 1
    assert all(len(tokens_of(utterance)) <= 400 for utterance in utterances)
    assert [part for utterance in utterances for part in utterance] == units
    assert all(utterance[-1].phonemes.strip() in {",", "."} for utterance in utterances)


def test_nothing_to_say_is_no_sound(engine: Kokoro) -> None:
    voice = voice_of(engine, "af_heart")
    assert list(engine.synthesize(piece(" "), voice, SynthesisOptions())) == []


def test_cancel_stops_inside_the_sentence(engine: Kokoro) -> None:
    options = SynthesisOptions()
    long = f"{SENTENCE} {SENTENCE} {SENTENCE}"
    stream: Iterator[object] = engine.synthesize(piece(long), voice_of(engine, "af_heart"), options)
    next(stream)
    asked: list[float] = []

    def cancel() -> None:
        asked.append(time.perf_counter())
        options.cancel.set()

    timer = threading.Timer(0.3, cancel)
    timer.start()
    with pytest.raises(Cancelled):
        for _ in stream:
            pass
    timer.join()
    assert asked  # else it was over before it was stopped


def test_cancelled_before_it_began(engine: Kokoro) -> None:
    options = SynthesisOptions()
    options.cancel.set()
    with pytest.raises(Cancelled):
        list(engine.synthesize(piece("Hello."), voice_of(engine, "af_heart"), options))


def test_refusals(engine: Kokoro) -> None:
    voice = voice_of(engine, "af_heart")
    with pytest.raises(InvalidRequest, match="does not speak"):
        list(engine.synthesize(piece("Hello."), voice, SynthesisOptions(language="tlh")))


@pytest.mark.parametrize(
    ("text", "language", "needs"), [("こんにちは。", "ja", "fugashi"), ("你好，世界。", "zh", "jieba")]
)
def test_japanese_and_chinese_speak_or_name_what_to_install(
    frontend: Frontend, text: str, language: str, needs: str
) -> None:
    if find_spec(needs):
        assert len(tokens_of(frontend.units(piece(text), language))) > 4
    else:
        with pytest.raises(Unavailable, match=f"install kokoro-{language}"):
            frontend.units(piece(text), language)


def test_the_weights_lie_joined_in_the_models_folder(engine: Kokoro, folder: Path) -> None:
    assert [(file.name, file.stat().st_size) for file in folder.iterdir()] == [(WEIGHTS.name, WEIGHTS.size)]


def log_bands(samples: np.ndarray) -> np.ndarray:
    """Loudness in dB of forty bands, every ten milliseconds."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, 512)[::240] * np.hanning(512)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    edges = np.round(np.geomspace(3, 257, 41)).astype(int)
    bands = [power[:, a : max(b, a + 1)].mean(axis=1) for a, b in pairwise(edges)]
    return np.asarray(10 * np.log10(np.stack(bands, axis=1) + 1e-4))
