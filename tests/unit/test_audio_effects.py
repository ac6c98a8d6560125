"""Speed, pitch and volume: lengths, pitch, words, and the same however the sound is cut."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from server.audio.chunk import AudioChunk, Samples, WordTime
from server.audio.effects import Effect, PitchShift, RateChange, TimeStretch, gain

pytestmark = pytest.mark.unit

RATE = 24_000
MAKERS: dict[str, Callable[[], Effect]] = {
    "slow": lambda: TimeStretch(RATE, 0.25),
    "half": lambda: TimeStretch(RATE, 0.5),
    "plain": lambda: TimeStretch(RATE, 1.0),
    "odd": lambda: TimeStretch(RATE, 1.37),
    "double": lambda: TimeStretch(RATE, 2.0),
    "fast": lambda: TimeStretch(RATE, 4.0),
    "higher": lambda: PitchShift(RATE, 7.0),
    "lower": lambda: PitchShift(RATE, -12.0),
    "same": lambda: PitchShift(RATE, 0.0),
}


def voice(hz: float, seconds: float = 1.5) -> Samples:
    """Harmonics under two formants, with a slight vibrato."""
    time = np.arange(round(RATE * seconds)) / RATE
    phase = 2 * np.pi * hz * time + 0.3 * np.sin(2 * np.pi * 5 * time)
    weights = [(n, 1 / (1 + ((n * hz - 600) / 300) ** 2) + 0.1) for n in range(1, 20)]
    return (0.1 * sum(w * np.sin(n * phase) for n, w in weights)).astype(np.float32)


def pitch(sound: Samples) -> float:
    """Median over frames of the first strong peak of the autocorrelation between 60 and 340 Hz."""
    found = []
    for start in range(2000, len(sound) - 4000, 600):
        frame = sound[start : start + 2000].astype(np.float64)
        likeness = np.correlate(frame, frame, "full")[len(frame) - 1 :] / np.arange(len(frame), 0, -1)
        low, high = RATE // 340, RATE // 60
        best = low + int(np.argmax(likeness[low:high] > 0.9 * likeness[low:high].max()))
        while likeness[best + 1] > likeness[best]:
            best += 1
        found.append(RATE / best)
    return float(np.median(found))


def run(effect: Effect, sound: Samples, size: int, words: tuple[WordTime, ...] = ()) -> list[AudioChunk]:
    chunks = [AudioChunk(sound[i : i + size], RATE) for i in range(0, len(sound), size)]
    chunks[0] = AudioChunk(chunks[0].samples, RATE, words)
    return [*map(effect.push, chunks), effect.flush()]


def joined(chunks: list[AudioChunk]) -> Samples:
    return np.concatenate([chunk.samples for chunk in chunks])


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("size", [1, 100, 3000])
def test_stream_equals_one_shot(name: str, size: int) -> None:
    sound = voice(120, 0.4)
    whole, cut = (joined(run(MAKERS[name](), sound, n)) for n in (len(sound), size))
    assert np.array_equal(whole, cut)


@pytest.mark.parametrize("length", [0, 1, 100, 481, 30_000])
@pytest.mark.parametrize("speed", [0.25, 0.5, 1.0, 1.37, 2.0, 4.0])
def test_stretched_length_is_exact(speed: float, length: int) -> None:
    effect = TimeStretch(RATE, speed)
    chunks = [effect.push(AudioChunk(np.zeros(length, np.float32), RATE)), effect.flush()]
    assert len(joined(chunks)) == round(length / speed)


@pytest.mark.parametrize("hz", [85.0, 120.0, 210.0, 300.0])
@pytest.mark.parametrize("speed", [0.25, 0.5, 0.8, 1.25, 2.0, 4.0])
def test_stretched_pitch_is_true(speed: float, hz: float) -> None:
    out = joined(run(TimeStretch(RATE, speed), voice(hz, 3.0), 2400))
    assert pitch(out) == pytest.approx(hz, rel=0.02)


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
def test_stretched_sound_stays_smooth_and_as_loud(speed: float) -> None:
    sound = voice(120, 3.0)
    out = joined(run(TimeStretch(RATE, speed), sound, 2400))
    inner = out[1000:-1000]
    assert np.sqrt(np.mean(inner**2)) == pytest.approx(np.sqrt(np.mean(sound**2)), rel=0.1)
    assert np.abs(np.diff(out)).max() <= 1.2 * np.abs(np.diff(sound)).max()


@pytest.mark.parametrize("semitones", [-12.0, -5.0, 0.5, 4.0, 12.0])
def test_pitch_is_shifted_and_length_kept(semitones: float) -> None:
    sound = voice(150, 3.0)
    out = joined(run(PitchShift(RATE, semitones), sound, 2400))
    assert abs(len(out) - len(sound)) <= 1
    assert pitch(out) == pytest.approx(150 * 2 ** (semitones / 12), rel=0.02)


@pytest.mark.parametrize("name", ["slow", "fast", "plain", "higher"])
def test_each_word_comes_with_its_sound(name: str) -> None:
    effect = MAKERS[name]()
    speed = {"slow": 0.25, "fast": 4.0}.get(name, 1.0)
    words = tuple(WordTime(n * 0.1, n * 0.1 + 0.08, n, n + 1) for n in range(10))
    heard, at = [], 0.0
    for chunk in run(effect, voice(120, 1.0), 1000, words):
        assert all(word.start < chunk.seconds for word in chunk.words)
        heard += [(at + word.start, at + word.end, word.text_start) for word in chunk.words]
        at += chunk.seconds
    wanted = [(word.start / speed, word.end / speed, word.text_start) for word in words]
    assert np.allclose(heard, wanted, atol=1e-6)


def test_silence_stays_silence() -> None:
    assert not joined(run(TimeStretch(RATE, 0.5), np.zeros(24_000, np.float32), 500)).any()


def test_gain_is_a_factor_until_it_is_loud() -> None:
    sound = np.array([0.1, -0.3, 0.4], np.float32)
    assert np.allclose(gain(sound, 2.0), 2 * sound)
    assert np.allclose(gain(np.array([1.0, -1.0], np.float32), 0.5), [0.5, -0.5])
    assert not gain(sound, 0.0).any()


def test_gain_bends_what_would_be_cut() -> None:
    ramp = np.linspace(-1, 1, 2001, dtype=np.float32)
    out = gain(ramp, 2.0)
    assert np.abs(out).max() < 1.0
    assert (np.diff(out) >= 0).all()
    assert out[1500] > out[1450] > out[1400] > 0.79
    assert np.abs(np.diff(out)).max() <= 0.0021


@pytest.mark.parametrize(
    "make", [lambda: TimeStretch(RATE, 5), lambda: PitchShift(RATE, 13), lambda: gain(voice(99), -1)]
)
def test_values_out_of_range_are_mistakes(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="must be between"):
        make()


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_another_rate_is_the_same_sound_however_it_is_cut(rate: int) -> None:
    sound = voice(150)
    words = (WordTime(0.0, 0.4, 0, 3), WordTime(0.5, 1.0, 4, 7), WordTime(1.49, 1.5, 8, 9))
    whole = run(RateChange(RATE, rate), sound, len(sound), words)
    for size in (37, 1000, 7919):
        chunks = run(RateChange(RATE, rate), sound, size, words)
        assert {chunk.rate for chunk in chunks} == {rate}
        assert np.array_equal(joined(chunks), joined(whole))
        starts, at = [], 0.0
        for chunk in chunks:
            starts += [at + word.start for word in chunk.words]
            at += chunk.seconds
        assert starts == pytest.approx([word.start for word in words], abs=0.003)
    assert len(joined(whole)) == round(len(sound) * rate / RATE)
    back = run(RateChange(rate, RATE), joined(whole), 5000)
    assert np.abs(joined(back)[500:-500] - sound[500:-500]).max() < 0.02
