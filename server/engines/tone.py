"""The toy engine: a tone for every word, instant and exact, for tests and for the tutorial in CONTRIBUTING.

It is complete: several voices, blends, cloning (the pitch of the clip), word times, any speed of generation,
and faults on request, so that everything around an engine can be tested without a model.
"""

from __future__ import annotations

import os
import re
import time
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from server.audio.chunk import AudioChunk, Samples, WordTime
from server.engines.base import Capabilities, Engine, Option, SynthesisOptions
from server.errors import InvalidRequest, SynthesisFailed
from server.text.piece import Piece
from server.voices.voice import Voice

RATE = 24_000
SECONDS_A_CHARACTER = 0.06
GAP = 0.02
"""Silence between two words, in seconds."""

_PITCHES = {"low": 110.0, "mid": 165.0, "high": 220.0, "bright": 330.0, "deep": 82.5, "clear": 262.0}
_GENDERS = {"low": "male", "deep": "male", "mid": "neutral"}


class Tone(Engine):
    """Speaks each word as a tone as long as the word; the voice is its pitch in Hz."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        name="tone",
        title="Tone",
        description="A toy that hums instead of speaking: for tests, and as the example of an engine.",
        languages=("en", "de", "fr", "es", "ja"),
        sample_rate=RATE,
        code_licence="AGPL-3.0-or-later",
        weights_licence="none",
        speed_range=(0.5, 2.0),
        batch_size=4,
        streams=True,
        word_times=True,
        phonemes=True,
        blends=True,
        clones=True,
        options=(
            Option("delay", "float", 0.0, "Seconds of work for each second of sound", low=0.0, high=60.0),
            Option("fault", "choice", "none", "What goes wrong", choices=("none", "error", "crash", "hang")),
        ),
    )

    def load(self) -> None:
        """Nothing to load; says so, as a real engine reports its steps."""
        self.context.report("tuning", 1.0)
        self._clones: dict[str, float] = {}

    def voices(self) -> Sequence[Voice]:
        """Six pitches."""
        return [
            Voice(
                id=name,
                engine="tone",
                name=name.capitalize(),
                languages=self.capabilities.languages,
                gender=_GENDERS.get(name, "female"),  # type: ignore[arg-type]
                licence="AGPL-3.0-or-later",
            )
            for name in _PITCHES
        ]

    def prepare_voice(self, voice: Voice) -> None:
        """Clone: remember the pitch of the first clip."""
        self._clones[voice.id] = _pitch_of(Path(voice.clips[0]))

    def synthesize(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> Iterator[AudioChunk]:
        """One chunk a word."""
        pitch = self._pitch(voice)
        delay = float(options.values.get("delay", 0.0))
        for index, match in enumerate(re.finditer(r"\S+", piece.text)):
            options.cancel.check()
            self._fault(str(options.values.get("fault", "none")), match.group(), index)
            seconds = len(match.group()) * SECONDS_A_CHARACTER / options.speed
            _work(delay * (seconds + GAP), options)
            tone = _tone(pitch, seconds)
            yield AudioChunk(
                np.concatenate([tone, np.zeros(int(GAP * RATE), np.float32)]),
                RATE,
                (WordTime(0.0, seconds, match.start(), match.end()),),
            )

    def _pitch(self, voice: Voice) -> float:
        if voice.blend:
            return sum(_PITCHES[name] * weight for name, weight in voice.blend)
        if voice.clips:
            if voice.id not in self._clones:
                self.prepare_voice(voice)
            return self._clones[voice.id]
        return _PITCHES[voice.id]

    def _fault(self, fault: str, word: str, index: int) -> None:
        """Faults come with the second word, when sound is on its way; or where the text asks for one."""
        word = word.strip(".,!?").lower()
        if (fault == "error" and index == 1) or word == "toneerror":
            raise SynthesisFailed("The tone engine was asked to fail.")
        if (fault == "crash" and index == 1) or word == "tonecrash":
            os._exit(3)
        if (fault == "hang" and index == 1) or word == "tonehang":
            time.sleep(3600)


def _work(seconds: float, options: SynthesisOptions) -> None:
    """Be busy for so long, or until cancelled."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        options.cancel.check()
        time.sleep(min(left, 0.01))


def _tone(pitch: float, seconds: float) -> Samples:
    count = max(1, int(seconds * RATE))
    time_axis = np.arange(count) / RATE
    ramp = np.minimum(1.0, np.minimum(time_axis, time_axis[::-1]) / 0.005)
    wave_form = 0.3 * ramp * (np.sin(2 * np.pi * pitch * time_axis) + 0.3 * np.sin(4 * np.pi * pitch * time_axis))
    return wave_form.astype(np.float32)


def _pitch_of(path: Path) -> float:
    """Pitch of a WAV file (16-bit PCM) in Hz, by autocorrelation between 60 and 500 Hz."""
    try:
        with wave.open(str(path), "rb") as clip:
            rate, channels = clip.getframerate(), clip.getnchannels()
            data = np.frombuffer(clip.readframes(min(clip.getnframes(), rate * 10)), "<i2")
    except (OSError, wave.Error, EOFError) as error:
        raise InvalidRequest(f"The clip {path.name} cannot be read as a WAV file.") from error
    samples = data.reshape(-1, channels).mean(axis=1)
    if len(samples) < rate // 10 or not samples.any():
        raise InvalidRequest("The clip is silent or shorter than a tenth of a second.")
    spectrum = np.fft.rfft(samples - samples.mean(), 2 * len(samples))
    correlation = np.fft.irfft(spectrum * np.conj(spectrum))
    low, high = rate // 500, rate // 60
    return float(rate / (low + int(np.argmax(correlation[low:high]))))
