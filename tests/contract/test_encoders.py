"""Every encoder, its output read by libraries other than the one that wrote it."""

from __future__ import annotations

import io
import wave
from dataclasses import replace

import av
import numpy as np
import pytest
import soundfile
from mutagen.aac import AAC
from mutagen.mp3 import MP3, BitrateMode
from mutagen.mp4 import MP4
from mutagen.oggopus import OggOpus

from server.audio.chunk import AudioChunk, Samples
from server.audio.encoders import Encoder, make_encoder
from server.audio.formats import FORMATS
from server.errors import SynthesisFailed

pytestmark = pytest.mark.contract

RATES = (22_050, 24_000, 48_000)
MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
    "ogg": "audio/ogg",
    "m4a": "audio/mp4",
}
# Samples that stand before the sound: a codec's own delay, where the format has no place to say it.
DELAY = {"mp3": 1105, "aac": 1024}
FRAME = {"mp3": 1152, "aac": 1024, "m4a": 1024}


def sound(rate: int, seconds: float) -> Samples:
    """A voice-like sound: harmonics that come and go, and a little noise."""
    time = np.arange(round(rate * seconds)) / rate
    voice = sum(np.sin(2 * np.pi * 140 * n * time) / n for n in range(1, 12))
    noise = np.random.default_rng(1).standard_normal(len(time))
    return (0.15 * voice * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time)) + 0.003 * noise).astype(np.float32)


def encode(encoder: Encoder, samples: Samples, rate: int, size: int) -> bytes:
    parts = [encoder.encode(AudioChunk(samples[i : i + size], rate)) for i in range(0, len(samples), size)]
    return b"".join([*parts, encoder.flush()])


def encoded(name: str, samples: Samples, rate: int, size: int = 10**9) -> bytes:
    return encode(make_encoder(FORMATS[name], rate), samples, rate, size)


def decode(name: str, data: bytes) -> tuple[Samples, int]:
    """By libsndfile, which knows all but three; those are AAC, twice, and no format at all."""
    if name == "pcm":
        return np.frombuffer(data, "<i2").astype(np.float32) / 32768, 24_000
    if name == "m4a":
        with av.open(io.BytesIO(data)) as container:  # libsndfile knows none; nothing here does but libav
            frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
        return np.concatenate(frames), 44_100
    if name == "flac":
        # A streamed FLAC says that its length is not known (36 bits of 0); soundfile cannot stop at the end
        # of such a one: tell it.
        assert int.from_bytes(data[18:26], "big") & (1 << 36) - 1 == 0
        with av.open(io.BytesIO(data)) as container:
            length = sum(frame.samples for frame in container.decode(audio=0))
        data = data[:22] + length.to_bytes(4, "big") + data[26:]
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        # WAV does not say it either: ask for more than there is.
        return file.read(frames=file.samplerate * 60, dtype="float32"), file.samplerate


def adts_frames(data: bytes) -> list[tuple[int, int, int]]:
    """(sampling frequency index, channels, bytes) of each frame; fails where one does not follow another."""
    frames, at = [], 0
    while at < len(data):
        head = data[at : at + 7]
        assert head[0] == 0xFF
        assert head[1] & 0xF6 == 0xF0
        size = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
        assert size > 7
        frames.append(((head[2] >> 2) & 15, (head[2] & 1) << 2 | head[3] >> 6, size))
        at += size
    assert at == len(data)
    return frames


def test_every_format_is_here() -> None:
    assert set(FORMATS) == set(MEDIA_TYPES)


@pytest.mark.parametrize("name", FORMATS)
def test_media_type(name: str) -> None:
    assert make_encoder(FORMATS[name], 24_000).media_type == MEDIA_TYPES[name] == FORMATS[name].media_type


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", ["mp3", "opus", "ogg", "flac", "wav", "pcm", "m4a"])
def test_sound_comes_back_whole(name: str, rate: int) -> None:
    samples = sound(rate, 1.3)
    heard, heard_rate = decode(name, encoded(name, samples, rate, 1000))
    assert heard_rate == FORMATS[name].rate
    delay = DELAY.get(name, 0)
    extra = len(heard) - delay - 1.3 * heard_rate
    assert -1 <= extra <= FRAME.get(name, 0)
    # Against the original on the decoder's clock: nothing lost, shifted or clicked at either end.
    clock = np.arange(round(1.3 * heard_rate) - 2)
    wanted = np.interp(clock / heard_rate, np.arange(len(samples)) / rate, samples)
    error = heard[delay : delay + len(clock)] - wanted
    edge = round(0.02 * heard_rate)
    # Of white noise and interpolation little comes back from a lossy codec; the voice does.
    for part in (slice(None), slice(0, edge), slice(-edge, None)):
        assert np.sqrt(np.mean(error[part] ** 2)) < 0.12 * np.sqrt(np.mean(wanted**2))
    assert np.abs(error).max() < 0.15


@pytest.mark.parametrize("size", [1, 137, 2400])
@pytest.mark.parametrize("name", FORMATS)
def test_stream_equals_one_shot(name: str, size: int) -> None:
    samples = sound(22_050, 0.3)
    whole, cut = encoded(name, samples, 22_050), encoded(name, samples, 22_050, size)
    if FORMATS[name].media_type == "audio/ogg":  # each Ogg stream has a serial number of its own
        assert np.array_equal(decode(name, whole)[0], decode(name, cut)[0])
    else:
        assert whole == cut


def test_ten_seconds_in_one_chunk() -> None:
    samples = sound(24_000, 10.0)
    assert decode("flac", encoded("flac", samples, 24_000))[0].shape == (240_000,)


@pytest.mark.parametrize("name", FORMATS)
def test_bytes_leave_early(name: str) -> None:
    """A fifth of a second of sound is enough to send some of it."""
    encoder = make_encoder(FORMATS[name], 24_000)
    empty = len(make_encoder(FORMATS[name], 24_000).flush())
    early = encoder.encode(AudioChunk(sound(24_000, 0.2), 24_000))
    assert len(early) > empty + 500


@pytest.mark.parametrize("name", ["flac", "wav", "pcm"])
def test_lossless_is_lossless(name: str) -> None:
    samples = sound(24_000, 0.5)
    heard, _ = decode(name, encoded(name, samples, 24_000))
    assert np.abs(heard - samples).max() <= 1.5 / 32768


def test_mp3_is_192_kbit_constant_mono_44100() -> None:
    info = MP3(io.BytesIO(encoded("mp3", sound(24_000, 2.0), 24_000))).info
    assert (info.bitrate, info.channels, info.sample_rate) == (192_000, 1, 44_100)
    assert info.bitrate_mode in {BitrateMode.CBR, BitrateMode.UNKNOWN}


def test_opus_is_ogg_opus_48000() -> None:
    data = encoded("opus", sound(24_000, 2.0), 24_000)
    assert OggOpus(io.BytesIO(data)).info.length == pytest.approx(2.0, abs=0.001)
    # Pages of 60 ms: 2 s of them, the two headers' pages besides.
    assert data.count(b"OggS") >= 2 / 0.06


def test_aac_is_adts() -> None:
    rng = np.random.default_rng(2)
    samples = (0.2 * rng.standard_normal(48_000)).astype(np.float32)
    data = encoded("aac", samples, 24_000)
    frames = adts_frames(data)
    assert {(index, channels) for index, channels, _ in frames} == {(4, 1)}  # 4: 44.1 kHz
    seconds = len(frames) * 1024 / 44_100
    assert 2.0 + 1024 / 44_100 <= seconds + 0.001 <= 2.0 + 3 * 1024 / 44_100
    assert len(data) * 8 / seconds >= 128_000
    assert AAC(io.BytesIO(data)).info.length == pytest.approx(seconds, abs=0.05)


def test_m4a_is_an_mp4_in_fragments() -> None:
    data = encoded("m4a", sound(24_000, 2.0), 24_000)
    info = MP4(io.BytesIO(data)).info
    assert (info.codec, info.sample_rate, info.channels) == ("mp4a.40.2", 44_100, 1)
    assert data[4:8] == b"ftyp"
    assert data.index(b"moov") < 100, "what a player must know comes first"
    assert data.count(b"moof") >= 2 / 0.15


def test_streaming_wav_has_unknown_sizes() -> None:
    data = encoded("wav", sound(24_000, 0.5), 24_000)
    assert data[4:8] == data[40:44] == b"\xff\xff\xff\xff"
    assert len(data) == 44 + 24_000


def test_exact_wav_opens_with_the_right_duration() -> None:
    encoder = make_encoder(FORMATS["wav"], 22_050, wav_header="exact")
    samples = sound(22_050, 0.5)
    assert encoder.encode(AudioChunk(samples, 22_050)) == b""
    with wave.open(io.BytesIO(encoder.flush())) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        assert file.getnframes() == 12_000
        assert len(file.readframes(20_000)) == 24_000


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_encoded_and_flushed_twice(name: str) -> None:
    encoder = make_encoder(FORMATS[name], 24_000)
    encoder.flush()
    assert encoder.flush() == b""


@pytest.mark.parametrize("name", ["flac", "opus"])
def test_loud_sound_is_cut_not_wrapped(name: str) -> None:
    heard, _ = decode(name, encoded(name, 3 * sound(24_000, 0.3), 24_000))
    assert np.abs(np.diff(heard)).max() < 1.2


@pytest.mark.parametrize("name", ["pcm", "mp3"])
def test_refusals(name: str) -> None:
    encoder = make_encoder(FORMATS[name], 24_000)
    with pytest.raises(SynthesisFailed, match="22050"):
        encoder.encode(AudioChunk(sound(22_050, 0.1), 22_050))
    with pytest.raises(SynthesisFailed, match="not numbers"):
        encoder.encode(AudioChunk(np.array([0, np.nan], np.float32), 24_000))
    encoder.flush()
    with pytest.raises(SynthesisFailed, match="after the end"):
        encoder.encode(AudioChunk(sound(24_000, 0.1), 24_000))


def test_what_libav_cannot_do_is_a_failure_of_ours() -> None:
    with pytest.raises(SynthesisFailed, match="opus"):
        make_encoder(replace(FORMATS["opus"], rate=44_100), 24_000)  # Opus knows no 44.1 kHz


@pytest.mark.parametrize("name", FORMATS)
def test_an_encoder_may_be_dropped(name: str) -> None:
    """A listener who leaves: no flush, and nothing is said at its end (warnings are errors here)."""
    encoder = make_encoder(FORMATS[name], 24_000)
    encoder.encode(AudioChunk(sound(24_000, 0.3), 24_000))
    del encoder
