"""Reference clips: read whatever the format, cleaned, refused with a reason; hostile bytes harm nobody."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from server.audio import clips
from server.audio.chunk import Samples
from server.audio.clips import Clip, read_clip, sniff
from server.audio.wav import wav_bytes
from server.errors import InvalidRequest

pytestmark = pytest.mark.unit

RATE = 24_000
ROOT = Path(__file__).resolve().parents[2]


def speech(seconds: float, level: float = 0.2) -> Samples:
    time_axis = np.arange(round(RATE * seconds)) / RATE
    return (level * np.sin(2 * np.pi * 180 * time_axis) * (1 + np.sin(2 * np.pi * 4 * time_axis)) / 2).astype(
        np.float32
    )


def written(samples: Samples, format: str, subtype: str | None = None, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=format, subtype=subtype)
    return file.getvalue()


def m4a(samples: Samples, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="fltp", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return file.getvalue()


def level(clip: Clip) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(clip.samples.astype(np.float64) ** 2))))


FILES = {
    "wav": lambda: written(speech(7), "WAV"),
    "wav 24 bit stereo": lambda: written(np.stack([speech(7)] * 2, axis=1), "WAV", "PCM_24"),
    "wav float 48 kHz": lambda: written(speech(14), "WAV", "FLOAT", rate=48_000),
    "flac": lambda: written(speech(7), "FLAC"),
    "mp3": lambda: written(speech(7), "MP3"),
    "ogg vorbis": lambda: written(speech(7), "OGG", "VORBIS"),
    "ogg opus": lambda: written(speech(7), "OGG", "OPUS"),
    "m4a": lambda: m4a(speech(7)),
}


@pytest.mark.parametrize("name", FILES)
def test_formats(name: str) -> None:
    clip = read_clip(FILES[name]())
    assert clip.seconds == pytest.approx(7, abs=0.15)
    assert clip.seconds == len(clip.samples) / clip.rate
    assert clip.samples.ndim == 1
    assert level(clip) == pytest.approx(clips.LEVEL, abs=0.5)
    assert clip.warnings == ()


def test_silence_at_the_ends_is_trimmed() -> None:
    silence = np.zeros(RATE * 2, np.float32)
    clip = read_clip(wav_bytes(np.concatenate([silence, speech(7), silence]), RATE))
    assert clip.seconds == pytest.approx(7, abs=0.2)


@pytest.mark.parametrize(
    ("samples", "word"),
    [
        (speech(2), "sound better"),
        (speech(40), "do not help"),
        (speech(7, 0.004), "quiet"),
        (np.clip(speech(7, 8.0), -1, 1), "Overdriven"),
    ],
)
def test_warnings(samples: Samples, word: str) -> None:
    clip = read_clip(wav_bytes(samples, RATE))
    assert any(word in warning for warning in clip.warnings)


def test_a_peaky_clip_is_not_driven_into_clipping() -> None:
    samples = speech(7, 0.02)
    samples[RATE :: RATE // 2] = 0.9
    assert np.abs(read_clip(wav_bytes(samples, RATE)).samples).max() < 0.95


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a WAV, FLAC, MP3, Ogg or M4A"),
        (b"MZ\x90\x00" + b"\0" * 100, "not a WAV"),
        (b"#EXTM3U\nfile:///etc/passwd\n", "not a WAV"),
        (b"RIFF\0\0\0\0WAVE", "damaged"),
        (b"fLaC" + b"\0" * 100, "damaged"),
        (b"ID3\x04" + b"\xff" * 500, "damaged"),
        (b"\xff\xfb" + b"\0" * 500, "damaged"),
        (b"OggS" * 50, "damaged"),
        (b"\0\0\0\x20ftypM4A " * 20, "damaged"),
        (wav_bytes(np.zeros(0, np.float32), RATE), "damaged|silent"),
        (wav_bytes(np.zeros(RATE * 3, np.float32), RATE), "silent"),
        (wav_bytes(speech(0.5), RATE), "at least 1 s"),
        (wav_bytes(speech(61), RATE), "longer than 60 seconds"),
        (wav_bytes(speech(2), 96_000), "48 kHz"),
        (written(np.stack([speech(2)] * 3, axis=1), "WAV"), "mono or stereo"),
        (written(speech(2), "WAV", "ULAW"), "pcm_mulaw"),
    ],
)
def test_refusals(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason) as caught:
        read_clip(data)
    assert (caught.value.param, caught.value.code) == ("clip", "invalid_clip")


def test_too_large_is_refused_before_anything_is_decoded() -> None:
    with pytest.raises(InvalidRequest, match="20 MB"):
        sniff(bytes(clips.MAX_BYTES + 1))


def test_a_video_without_sound_is_refused() -> None:
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 16
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with pytest.raises(InvalidRequest, match="no sound"):
        read_clip(file.getvalue())


def test_a_header_that_promises_gigabytes_costs_nothing() -> None:
    data = bytearray(wav_bytes(speech(2), RATE))
    data[4:8] = data[40:44] = struct.pack("<I", 0xFFFFFFF0)
    assert read_clip(bytes(data)).seconds == pytest.approx(2, abs=0.15)


def test_a_decoder_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "_TIMEOUT", 0.0)
    started = time.monotonic()
    with pytest.raises(InvalidRequest, match="gave up"):
        read_clip(wav_bytes(speech(50), RATE))
    assert time.monotonic() - started < 10


def mutants(count: int, seed: int) -> list[bytes]:
    """Files with bytes changed, dropped, doubled or cut off; their first bytes as they were."""
    rng = np.random.default_rng(seed)
    originals = [
        make() for make in (FILES["flac"], FILES["mp3"], FILES["ogg opus"], FILES["m4a"], FILES["wav"])
    ]
    out = []
    for n in range(count):
        data = bytearray(originals[n % len(originals)])
        for _ in range(int(rng.integers(1, 30))):
            # The structure is at the front: half of the damage goes there.
            reach = min(len(data), 400) if rng.random() < 0.5 else len(data)
            at = int(rng.integers(12, reach))
            match int(rng.integers(4)):
                case 0:
                    data[at] = int(rng.integers(256))
                case 1:
                    del data[at : at + int(rng.integers(1, 60))]
                case 2:
                    data[at:at] = data[at : at + int(rng.integers(1, 60))]
                case _:
                    data[at : at + 4] = b"\xff\xff\xff\xff"
        out.append(bytes(data[: int(rng.integers(200, len(data)))] if rng.random() < 0.2 else data))
    return out


DECODE_ALL = """
import sys
from server.audio.decode_clip import DAMAGE, Refused, decode, limit_self

limit_self()
read = refused = 0
while head := sys.stdin.buffer.readline():
    name, size = head.split()
    data = sys.stdin.buffer.read(int(size))
    try:
        samples, rate = decode(data, name.decode())
        assert len(samples) <= 2 * 61 * rate
        read += 1
    except (Refused, *DAMAGE):
        refused += 1
print(read, refused)
"""


def decode_all(files: list[bytes]) -> tuple[int, int]:
    """How many are read and how many refused, by one process with the decoder's limits."""
    told = b"".join(b"%s %d\n%s" % (sniff(data).encode(), len(data), data) for data in files)
    done = subprocess.run(
        [sys.executable, "-c", DECODE_ALL], input=told, cwd=ROOT, capture_output=True, check=True
    )
    read, refused = map(int, done.stdout.split())
    return read, refused


def test_damaged_files_are_read_or_refused() -> None:
    """Nothing but samples or a known error comes of two hundred."""
    read, refused = decode_all(mutants(200, seed=1))
    assert read + refused == 200
    assert min(read, refused) > 10


def test_damaged_files_do_not_reach_the_parent() -> None:
    """The whole way, a process each: a clip or a reason."""
    for data in mutants(10, seed=2):
        try:
            clip = read_clip(data)
        except InvalidRequest:
            continue
        assert np.isfinite(clip.samples).all()


@pytest.mark.long
def test_thousands_of_damaged_files_are_read_or_refused() -> None:
    for seed in range(10, 30):
        assert sum(decode_all(mutants(200, seed))) == 200
