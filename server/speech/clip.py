"""One spoken clip: a line made whole, joined, encoded and put on disk."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from server.audio.chunk import AudioChunk, Samples
from server.audio.encoders import make_encoder
from server.audio.formats import AudioFormat
from server.audio.join import Joiner
from server.audio.resample import Resampler
from server.audio.wav import pcm_bytes
from server.speech.lane import Turn
from server.speech.offload import worked_on
from server.speech.rendition import Line, SpokenWord
from server.speech.speaker import Speaker
from server.speech.store import AudioStore
from server.speech.take import words_of

PCM_RATE = 24_000
"""Hz of the samples kept beside each clip, from which other formats are made."""


@dataclass(frozen=True, slots=True)
class Clip:
    """What was made of a line."""

    path: Path
    """In the format that was asked for."""
    samples: Path
    """Bare s16le samples at ``PCM_RATE``."""
    duration: float
    """Seconds, the pause behind it included."""
    words: tuple[SpokenWord, ...]
    """Times from the clip's beginning."""


class ClipMaker:
    """Makes clips and stores them."""

    def __init__(self, speaker: Speaker, store: AudioStore) -> None:
        self._speaker = speaker
        self.store = store

    async def make(self, turn: Turn, line: Line, rate: int, audio_format: AudioFormat, name: str) -> Clip:
        """Speak ``line`` and keep it as ``name`` (a path in the store without its suffix)."""
        joiner = Joiner(rate)
        chunks = joiner.begin_piece(line.piece.pause_before, line.rendition.speed)
        if line.piece.text:
            async with aclosing(self._speaker.speak(turn, line, rate)) as spoken:
                async for chunk in spoken:
                    chunks += await worked_on(chunk, joiner.push)
        chunks += joiner.end_piece(line.piece.pause_after)
        chunks += joiner.finish()
        words: list[SpokenWord] = []
        at = 0.0
        for chunk in chunks:
            words += words_of(chunk, line.piece, at)
            at += chunk.seconds
        return await asyncio.to_thread(self._keep, chunks, rate, audio_format, name, tuple(words))

    def _keep(
        self,
        chunks: list[AudioChunk],
        rate: int,
        audio_format: AudioFormat,
        name: str,
        words: tuple[SpokenWord, ...],
    ) -> Clip:
        samples: Samples = np.concatenate([chunk.samples for chunk in chunks] or [np.zeros(1, np.float32)])
        resampler = Resampler(rate, PCM_RATE)
        pcm = pcm_bytes(np.concatenate([resampler.push(samples), resampler.flush()]))
        encoder = make_encoder(audio_format, rate, wav_header="exact")
        encoded = encoder.encode(AudioChunk(samples, rate)) + encoder.flush()
        return Clip(
            path=self.store.save(name + audio_format.extension, encoded),
            samples=self.store.save(name + ".s16", pcm),
            duration=len(samples) / rate,
            words=words,
        )


def read_samples(clip: Clip) -> AudioChunk:
    """The clip's sound at ``PCM_RATE``; FileNotFoundError once it is pruned."""
    data = np.frombuffer(clip.samples.read_bytes(), "<i2").astype(np.float32) / 32767.0
    return AudioChunk(data, PCM_RATE)
