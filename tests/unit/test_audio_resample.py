"""Resampling: exact lengths, the same however cut, true to analytic signals."""

from __future__ import annotations

import numpy as np
import pytest

from server.audio.chunk import Samples
from server.audio.filters import FilterChain
from server.audio.resample import Resampler, resample
from server.errors import SynthesisFailed

pytestmark = pytest.mark.unit

PAIRS = [(22_050, 24_000), (24_000, 44_100), (24_000, 48_000), (44_100, 24_000), (48_000, 24_000)]


def tone(rate: int, hz: float, seconds: float = 1.0) -> Samples:
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)).astype(np.float32)


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
@pytest.mark.parametrize("size", [1, 17, 1000, 4096])
def test_stream_equals_one_shot(rate_in: int, rate_out: int, size: int) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, 3001).astype(np.float32)
    stream = Resampler(rate_in, rate_out)
    parts = [stream.push(sound[i : i + size]) for i in range(0, len(sound), size)]
    assert np.array_equal(np.concatenate([*parts, stream.flush()]), resample(sound, rate_in, rate_out))


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
@pytest.mark.parametrize("length", [0, 1, 2, 31, 1000, 12_345])
def test_length_is_exact(rate_in: int, rate_out: int, length: int) -> None:
    out = resample(np.zeros(length, np.float32), rate_in, rate_out)
    assert len(out) == round(length * rate_out / rate_in)


@pytest.mark.parametrize(("rate_in", "rate_out"), PAIRS)
@pytest.mark.parametrize("hz", [200, 3000, 9000])
def test_tones_stay_as_they_are(rate_in: int, rate_out: int, hz: int) -> None:
    heard, wanted = resample(tone(rate_in, hz), rate_in, rate_out), tone(rate_out, hz)
    inner = slice(200, -200)
    assert np.abs(heard[inner] - wanted[inner]).max() < 0.5 * 10 ** (-80 / 20)


def test_what_the_lower_rate_cannot_hold_is_gone() -> None:
    assert np.abs(resample(tone(48_000, 15_000), 48_000, 24_000)[200:-200]).max() < 0.5 * 10 ** (-70 / 20)


def test_same_rate_is_left_alone() -> None:
    sound = tone(24_000, 440)
    assert np.array_equal(resample(sound, 24_000, 24_000), sound)


def test_delay_is_under_ten_milliseconds() -> None:
    assert len(Resampler(24_000, 48_000).push(tone(24_000, 440, 0.1))) > 0.09 * 48_000


def test_an_unknown_filter_is_a_failure_of_ours() -> None:
    with pytest.raises(SynthesisFailed, match="nosuchfilter"):
        FilterChain(24_000, [("nosuchfilter", "")])
