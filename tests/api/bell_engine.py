"""Engines to be loaded beside the toy engine: other voices, other languages, another sample rate."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from server.audio.chunk import AudioChunk
from server.engines.base import Capabilities, SynthesisOptions
from server.engines.tone import RATE, Tone
from server.engines.torch_options import LOW_VRAM
from server.text.piece import Piece
from server.voices.voice import Voice

BELL_RATE = 16_000
ALLOWED = "allowed"
"""The file for which an engine waits in its folder."""
PITCHES = {"ding": 400.0, "dong": 300.0, "high": 500.0, "old:dong": 600.0}


class Bell(Tone):
    """Rings instead of speaking."""

    capabilities: ClassVar[Capabilities] = replace(
        Tone.capabilities,
        name="bell",
        title="Bell",
        languages=("fr", "en"),
        sample_rate=BELL_RATE,
        word_times=False,
        clones=False,
        options=(),
    )

    def voices(self) -> Sequence[Voice]:
        """One of them is called as one of the toy engine's, one has a colon in its name."""
        name, tags = self.capabilities.name, self.capabilities.languages
        return [Voice(id=pitch, engine=name, name=pitch.capitalize(), languages=tags) for pitch in PITCHES]

    def synthesize(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> Iterator[AudioChunk]:
        """The toy engine's tones at this engine's rate."""
        for chunk in super().synthesize(piece, voice, options):
            count = round(len(chunk.samples) * BELL_RATE / RATE)
            places = np.arange(count) * RATE / BELL_RATE
            samples = np.interp(places, np.arange(len(chunk.samples)), chunk.samples).astype(np.float32)
            yield AudioChunk(samples, BELL_RATE)

    def _pitch(self, voice: Voice) -> float:
        if voice.blend:
            return sum(PITCHES[name] * weight for name, weight in voice.blend)
        return PITCHES[voice.id]


class Gong(Bell):
    """Is loaded as soon as a test allows it."""

    capabilities = replace(Bell.capabilities, name="gong", title="Gong")

    def load(self) -> None:
        """A file in its folder allows it."""
        while not (self.context.models / ALLOWED).exists():
            time.sleep(0.01)
        super().load()


class Chime(Bell):
    """Speaks as soon as a test allows it."""

    capabilities = replace(Bell.capabilities, name="chime", title="Chime")

    def synthesize(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> Iterator[AudioChunk]:
        """A file in its folder allows it."""
        while not (self.context.models / ALLOWED).exists():
            options.cancel.check()
            time.sleep(0.01)
        yield from super().synthesize(piece, voice, options)


class Shy(Bell):
    """Leaves the graphics card when it is silent, or would if it had one."""

    capabilities = replace(Bell.capabilities, name="shy", title="Shy", options=(LOW_VRAM,))


class Chimes(Bell):
    """Several models, whose voices are called by paths, as those of the Coqui library."""

    capabilities = replace(Bell.capabilities, name="chimes", title="Chimes")

    def voices(self) -> Sequence[Voice]:
        """One of each."""
        tags = self.capabilities.languages
        return [Voice(id=f"chimes/{pitch}", engine="chimes", name=pitch, languages=tags) for pitch in PITCHES]

    def _pitch(self, voice: Voice) -> float:
        return PITCHES[voice.id.removeprefix("chimes/")]
