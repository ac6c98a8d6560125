"""Formats by name, WAV by its bytes."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from server.audio.formats import FORMATS, parse_format
from server.audio.wav import riff_header, to_s16, wav_bytes
from server.errors import InvalidRequest

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("asked", "name"), [("mp3", "mp3"), (" WAV\n", "wav"), ("Opus", "opus"), ("ogg", "ogg"), ("M4A", "m4a")]
)
def test_names_are_forgiven_case_and_blanks(asked: str, name: str) -> None:
    assert parse_format(asked) is FORMATS[name]


@pytest.mark.parametrize("asked", ["", "wma", "mp33", "x" * 5000])
def test_unknown_names_are_told_the_known_ones(asked: str) -> None:
    with pytest.raises(InvalidRequest, match="mp3, opus, aac, flac, wav, pcm, ogg, m4a") as caught:
        parse_format(asked)
    assert (caught.value.param, caught.value.code) == ("response_format", "invalid_value")
    assert len(caught.value.message) < 200


def test_mp4_is_offered_m4a() -> None:
    with pytest.raises(InvalidRequest, match="Use m4a"):
        parse_format("MP4")


def test_wav_is_read_by_the_standard_library() -> None:
    samples = np.array([0.0, 0.5, -0.5, 1.0, -1.0, 2.0], np.float32)
    with wave.open(io.BytesIO(wav_bytes(samples, 22_050))) as file:
        assert (file.getframerate(), file.getnframes()) == (22_050, 6)
        heard = np.frombuffer(file.readframes(6), "<i2")
    assert heard.tolist() == [0, 16384, -16384, 32767, -32767, 32767]


def test_streaming_header_is_as_long_as_the_exact_one() -> None:
    assert len(riff_header(24_000, None)) == len(riff_header(24_000, 10)) == 44


def test_rounding_leaves_no_offset() -> None:
    noise = np.random.default_rng(0).uniform(-0.001, 0.001, 100_000).astype(np.float32)
    assert abs(float(to_s16(noise).mean())) < 0.1
