"""Sentences given to XTTS together, and what comes of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from server.audio.chunk import AudioChunk, Samples
from server.engines.base import Cancel, EngineContext, Job, SynthesisOptions
from server.engines.coqui.xtts import Xtts
from server.errors import SpeechError
from server.text.piece import Piece
from server.voices.voice import Voice

TEXTS = ("hello there, how are you?", "yes.", "one two three four five six seven eight.", "fine, and you?")
Item = AudioChunk | SpeechError | None


def loaded(models: Path, at_once: int) -> Xtts:
    """The engine, with room for that many sentences."""
    engine = Xtts(EngineContext(models=models, threads=2, options={"sentences_at_once": at_once}))
    engine.load()
    return engine


def voice(engine: Xtts, voice_id: str = "mine/Ann") -> Voice:
    """One of its voices."""
    return next(voice for voice in engine.voices() if voice.id == voice_id)


def job(engine: Xtts, number: int, text: str, voice_id: str = "mine/Ann", cancel: Cancel | None = None) -> Job:
    """A sentence by a voice; its number is its seed."""
    options = SynthesisOptions(values={"seed": number}, cancel=cancel or Cancel())
    return Job(number, Piece(text, 0, len(text)), voice(engine, voice_id), options)


def collected(items: Iterator[tuple[int, Item]]) -> tuple[dict[int, Samples], dict[int, SpeechError | None], list[int]]:
    """Sound by job, how each ended, and the order of their ends."""
    sound: dict[int, list[Samples]] = {}
    ends: dict[int, SpeechError | None] = {}
    for number, item in items:
        assert number not in ends, "nothing comes after an end"
        if isinstance(item, AudioChunk):
            sound.setdefault(number, []).append(item.samples)
        else:
            ends[number] = item
    return {number: np.concatenate(parts) for number, parts in sound.items()}, ends, list(ends)


def alone(engine: Xtts, jobs: Sequence[Job]) -> dict[int, Samples]:
    """The same sentences one after the other."""
    return {
        one.id: np.concatenate([c.samples for c in engine.synthesize(one.piece, one.voice, one.options)])
        for one in jobs
    }


def arrivals(*groups: Sequence[Job]) -> Callable[[int], Sequence[Job]]:
    """Who comes at each time of asking; empty groups for nobody."""
    waiting = list(groups)
    return lambda most: waiting.pop(0) if waiting and len(waiting[0]) <= most else ()
