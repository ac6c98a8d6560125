"""Reference clips for cloned voices: read in a process of their own, cleaned, checked."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from server.audio.chunk import Samples
from server.audio.decode_clip import MAX_RATE, MAX_SECONDS
from server.errors import InvalidRequest

with warnings.catch_warnings():
    # pydub looks for ffmpeg, which it is never asked to use here, and has not followed Python 3.12 and 3.13.
    warnings.filterwarnings("ignore", "Couldn't find ffmpeg", RuntimeWarning)
    warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", "invalid escape sequence")
    from pydub import AudioSegment
    from pydub.silence import detect_leading_silence

MAX_BYTES = 20 * 1024 * 1024
MIN_SECONDS = 1.0
GOOD_SECONDS = (6.0, 30.0)
LEVEL = -20.0
"""dBFS (RMS) that clips are brought to."""
_PEAK = -1.0
_SILENT, _FAINT = -60.0, -40.0
_TIMEOUT = 30.0
_MAX_ANSWER = (MAX_SECONDS + 1) * MAX_RATE * 2
"""Bytes that are read of the decoder's answer: its longest clip and a second for its line of JSON."""
_MARGIN_MS = 50
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip as an engine wants it: mono, without silence at its ends, at an even level."""

    samples: Samples
    rate: int
    """Hz, as recorded."""
    seconds: float
    warnings: tuple[str, ...] = ()
    """What the sender should know: too short, faint, clipped."""


def read_clip(data: bytes) -> Clip:
    """Decode, clean and check a WAV, FLAC, MP3, Ogg or M4A file."""
    pcm, rate = decode_apart(data, sniff(data))
    return clean(np.frombuffer(pcm, dtype="<i2"), rate)


def sniff(data: bytes) -> str:
    """The format that the first bytes speak of; the name of a file is not to be trusted."""
    if len(data) > MAX_BYTES:
        raise _refuse(f"The clip is larger than {MAX_BYTES >> 20} MB.")
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] == b"fLaC":
        return "flac"
    if data[:4] == b"OggS":
        return "ogg"
    if data[4:8] == b"ftyp":
        return "m4a"
    # MPEG audio: eleven bits set, then version and a layer that is not AAC's 00.
    if data[:3] == b"ID3" or (
        data[:1] == b"\xff" and len(data) > 1 and data[1] & 0xE0 == 0xE0 and data[1] & 6
    ):
        return "mp3"
    raise _refuse("The clip is not a WAV, FLAC, MP3, Ogg or M4A file.")


def decode_apart(data: bytes, format: str) -> tuple[bytes, int]:
    """Mono s16le samples and their rate, decoded by a child process that may crash, hang or grow in peace."""
    with tempfile.TemporaryFile() as source:
        source.write(data)
        source.seek(0)
        with subprocess.Popen(
            [sys.executable, "-m", "server.audio.decode_clip", format],
            cwd=_ROOT,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        ) as child:
            assert child.stdout is not None
            alarm = threading.Timer(_TIMEOUT, child.kill)
            alarm.start()
            try:
                answer = child.stdout.read(_MAX_ANSWER)
            finally:
                alarm.cancel()
                child.kill()
    head, newline, pcm = answer.partition(b"\n")
    if not newline:
        raise _refuse("The clip could not be read: its decoder gave up on it.")
    facts = json.loads(head)
    if "refused" in facts:
        raise _refuse(f"The clip could not be used. {facts['refused']}")
    return pcm[: len(pcm) & ~1], int(facts["rate"])


def clean(samples: np.ndarray[tuple[int], np.dtype[np.int16]], rate: int) -> Clip:
    """Trim silence, bring to an even level, and say what is not good about it."""
    clipped = float(np.mean(np.abs(samples.astype(np.int32)) >= 32_700)) if len(samples) else 0.0
    sound = AudioSegment(data=samples.tobytes(), sample_width=2, frame_rate=rate, channels=1)
    if sound.dBFS < _SILENT:
        raise _refuse("The clip is silent.")
    level = sound.dBFS
    sound = _trim(sound)
    seconds = len(sound) / 1000
    if seconds < MIN_SECONDS:
        raise _refuse(f"The clip holds {seconds:.1f} s of sound; at least {MIN_SECONDS:g} s are needed.")
    sound = sound.apply_gain(min(LEVEL - sound.dBFS, _PEAK - sound.max_dBFS))
    notes = []
    if seconds < GOOD_SECONDS[0]:
        notes.append(f"Only {seconds:.1f} s long; {GOOD_SECONDS[0]:g} to {GOOD_SECONDS[1]:g} s sound better.")
    if seconds > GOOD_SECONDS[1]:
        notes.append(f"{seconds:.0f} s long; more than {GOOD_SECONDS[1]:g} s do not help.")
    if level < _FAINT:
        notes.append("Very quiet: its noise has been made louder with it.")
    if clipped > 0.001:
        notes.append("Overdriven: record it at a lower level.")
    data = np.frombuffer(sound.raw_data, dtype="<i2").astype(np.float32) / 32768.0
    return Clip(data, rate, len(data) / rate, tuple(notes))


def _trim(sound: AudioSegment) -> AudioSegment:
    """Without the silence at both ends, but for a margin."""
    threshold = max(sound.dBFS - 25.0, -55.0)
    start = max(0, detect_leading_silence(sound, threshold) - _MARGIN_MS)
    end = max(0, detect_leading_silence(sound.reverse(), threshold) - _MARGIN_MS)
    return sound[start : len(sound) - end]


def _refuse(message: str) -> InvalidRequest:
    return InvalidRequest(message, code="invalid_clip", param="clip")
