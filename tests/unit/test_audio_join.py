"""Joins: trimmed edges, pauses as asked, no clicks, words in their place, however the sound is cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from server.audio.chunk import AudioChunk, Samples, WordTime
from server.audio.join import Joiner
from server.audio.trim import HEAD_SECONDS, TAIL_SECONDS, Trimmer

pytestmark = pytest.mark.unit

RATE = 24_000
RNG = np.random.default_rng(3)


def quiet(seconds: float, level: float = -75.0) -> Samples:
    """What a model makes when it is silent."""
    return (RNG.standard_normal(round(RATE * seconds)) * 10 ** (level / 20)).astype(np.float32)


def vowel(seconds: float, phase: float = 0.0) -> Samples:
    return (0.4 * np.sin(phase + 2 * np.pi * 150 * np.arange(round(RATE * seconds)) / RATE)).astype(
        np.float32
    )


def consonant(seconds: float, level: float = -48.0) -> Samples:
    """A soft f or h: noise, as quiet as it gets in speech."""
    return quiet(seconds, level)


def piece(before: float = 0.3, after: float = 0.3) -> Samples:
    """A piece of speech; one without quiet around it begins and ends in the middle of a swing."""
    return np.concatenate([quiet(before), vowel(0.5, phase=0.0 if before else 1.5), quiet(after)])


@dataclass
class Line:
    sound: Samples
    before: float = 0.0
    after: float = 0.0
    words: tuple[WordTime, ...] = ()


def join(lines: list[Line], size: int = 10**9) -> list[AudioChunk]:
    joiner = Joiner(RATE)
    out: list[AudioChunk] = []
    for line in lines:
        out += joiner.begin_piece(line.before)
        for start in range(0, len(line.sound), size):
            words = line.words if start == 0 else ()
            out += joiner.push(AudioChunk(line.sound[start : start + size], RATE, words))
            assert joiner.position == pytest.approx(sum(chunk.seconds for chunk in out))
        out += joiner.end_piece(line.after)
    out += joiner.finish()
    assert joiner.position == pytest.approx(sum(chunk.seconds for chunk in out))
    return out


def joined(chunks: list[AudioChunk]) -> Samples:
    return np.concatenate([chunk.samples for chunk in chunks]) if chunks else np.zeros(0, np.float32)


def heard(sound: Samples, level: float = -40.0) -> list[tuple[float, float]]:
    """Stretches of sound in seconds, gaps under 30 ms closed."""
    loud = np.flatnonzero(np.abs(sound) > 10 ** (level / 20))
    cuts = np.flatnonzero(np.diff(loud) > 0.03 * RATE)
    starts, ends = loud[np.r_[0, cuts + 1]], loud[np.r_[cuts, len(loud) - 1]]
    return [(float(a) / RATE, float(b) / RATE) for a, b in zip(starts, ends, strict=True)]


@pytest.mark.parametrize("size", [1, 100, 777, 24_000])
def test_stream_equals_one_shot(size: int) -> None:
    lines = [Line(piece(), after=0.2), Line(piece(0.0, 0.0), before=0.5), Line(piece(0.01, 0.02))]
    assert np.array_equal(joined(join(lines)), joined(join(lines, size)))


@pytest.mark.parametrize("pause", [0.06, 0.12, 0.35, 0.7, 1.5])
@pytest.mark.parametrize("edges", [(0.3, 0.3), (0.0, 0.0), (0.01, 0.6)])
def test_the_pause_that_is_heard_is_the_one_asked_for(pause: float, edges: tuple[float, float]) -> None:
    first, second = heard(joined(join([Line(piece(*edges), after=pause), Line(piece(*edges))])))
    assert second[0] - first[1] == pytest.approx(pause, abs=0.011)


@pytest.mark.parametrize(("after", "before", "wanted"), [(0.4, 1.5, 1.5), (0.7, 0.2, 0.7), (0.0, 0.5, 0.5)])
def test_the_longer_of_two_pauses_is_heard(after: float, before: float, wanted: float) -> None:
    first, second = heard(joined(join([Line(piece(), after=after), Line(piece(), before=before)])))
    assert second[0] - first[1] == pytest.approx(wanted, abs=0.011)


def test_pieces_that_are_only_pauses_add_up() -> None:
    silent = Line(np.zeros(0, np.float32), after=0.5)
    lines = [Line(piece(), after=0.4), silent, Line(quiet(0.2), after=0.5), Line(piece())]
    first, second = heard(joined(join(lines)))
    assert second[0] - first[1] == pytest.approx(1.0, abs=0.011)


def test_pauses_without_any_speech_have_their_length() -> None:
    assert len(joined(join([Line(np.zeros(0, np.float32), before=0.1, after=0.2)]))) == round(0.3 * RATE)


def test_no_pause_and_no_sound_is_nothing() -> None:
    assert join([Line(quiet(1.0))]) == []


def test_edges_are_trimmed_to_their_margins() -> None:
    out = joined(join([Line(piece(0.5, 0.5))]))
    assert len(out) / RATE == pytest.approx(0.5 + HEAD_SECONDS + TAIL_SECONDS, abs=0.011)


def test_soft_consonants_at_the_edges_are_kept() -> None:
    soft = consonant(0.06)
    sound = np.concatenate([quiet(0.3), soft, vowel(0.3), soft, quiet(0.3)])
    out = joined(join([Line(sound)]))
    ((start, end),) = heard(out, -20.0)
    assert start >= 0.06 + 0.015
    assert len(out) / RATE - end >= 0.06 + 0.025


def test_a_rumble_that_nobody_hears_is_silence() -> None:
    rumble = 10 ** (-45 / 20) * np.sin(2 * np.pi * 30 * np.arange(round(0.5 * RATE)) / RATE).astype(np.float32)
    out = joined(join([Line(np.concatenate([rumble, vowel(0.5), rumble]))]))
    assert len(out) / RATE == pytest.approx(0.5 + HEAD_SECONDS + TAIL_SECONDS, abs=0.011)


@pytest.mark.parametrize("speed", [0.25, 2.0, 4.0])
def test_at_another_speed_the_quiet_around_speech_is_as_much_longer_or_shorter(speed: float) -> None:
    joiner, out = Joiner(RATE), []
    for _ in range(2):
        out += joiner.begin_piece(speed=speed)
        out += joiner.push(AudioChunk(piece(), RATE))
        out += joiner.end_piece(0.3)
    sound = joined(out)
    first, second = heard(sound)
    assert second[0] - first[1] == pytest.approx(0.3 / speed, abs=0.011)
    assert first[0] == pytest.approx(HEAD_SECONDS / speed, abs=0.006)


def test_quiet_within_a_piece_is_kept() -> None:
    sound = np.concatenate([vowel(0.2), quiet(0.8), vowel(0.2)])
    assert len(joined(join([Line(sound)]))) == len(sound)


@pytest.mark.parametrize("edges", [(0.0, 0.0), (0.002, 0.002), (0.3, 0.3)])
def test_no_click_at_the_joins(edges: tuple[float, float]) -> None:
    out = joined(join([Line(piece(*edges), after=0.06) for _ in range(3)]))
    around = np.concatenate([[0.0], out, [0.0]])
    jumps = np.abs(np.diff(around))
    # A vowel of -8 dBFS at 150 Hz moves 0.016 a sample; a join may add no more than -40 dB to that.
    assert jumps.max() < 0.016 + 10 ** (-40 / 20)
    assert abs(float(out[0])) < 10 ** (-40 / 20)
    assert abs(float(out[-1])) < 10 ** (-40 / 20)


def test_the_middle_of_a_piece_is_untouched() -> None:
    sound = piece()
    out = joined(join([Line(sound)]))
    middle = sound[round(0.35 * RATE) : round(0.75 * RATE)]
    start = round((0.05 + HEAD_SECONDS) * RATE)
    assert np.array_equal(out[start : start + len(middle)], middle)


def test_sound_is_given_while_it_comes() -> None:
    """After the onset, no more than a fade's length and a frame are held back."""
    joiner = Joiner(RATE)
    joiner.begin_piece()
    given = sum(chunk.seconds for chunk in joiner.push(AudioChunk(vowel(0.2), RATE)))
    assert given >= 0.2 - 0.011


@pytest.mark.parametrize("size", [100, 1000, 10**9])
def test_words_are_where_they_are_heard(size: int) -> None:
    words = (WordTime(0.30, 0.45, 0, 3), WordTime(0.55, 0.80, 4, 8), WordTime(0.9, 1.05, 9, 10))
    lines = [Line(piece(), after=0.2, words=words)] * 2
    chunks = join(lines, size)
    starts = [start for start, _ in heard(joined(chunks))]
    found, at = [], 0.0
    for chunk in chunks:
        found += [(at + word.start, word.text_start) for word in chunk.words]
        assert all(word.start <= word.end for word in chunk.words)
        at += chunk.seconds
    assert [text for _, text in found] == [0, 4, 9] * 2
    for n, start in enumerate(starts):
        assert found[3 * n][0] == pytest.approx(start, abs=0.01)
        assert found[3 * n + 1][0] == pytest.approx(start + 0.25, abs=0.01)


def test_a_word_in_the_trimmed_beginning_starts_with_the_sound() -> None:
    chunks = join([Line(piece(0.5), words=(WordTime(0.1, 0.6, 0, 3),))])
    (word,) = [word for chunk in chunks for word in chunk.words]
    assert word.start == 0.0


def test_trimmer_says_what_it_kept() -> None:
    trimmer = Trimmer(RATE)
    sound = piece(0.3, 0.3)
    first = trimmer.push(sound)
    assert trimmer.start - len(first) == pytest.approx((0.3 - HEAD_SECONDS) * RATE, abs=130)
    assert trimmer.head == round(HEAD_SECONDS * RATE)
    trimmer.finish()
    assert trimmer.tail == round(TAIL_SECONDS * RATE)
