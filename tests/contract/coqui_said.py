"""The Coqui library's engine with the models of a folder, and what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from server.audio.chunk import AudioChunk
from server.engines.base import EngineContext, SynthesisOptions
from server.engines.coqui.vits import CoquiVits
from server.text.piece import Piece
from server.voices.voice import Voice

TEXT = "hello there, how are you today?"


def piece(text: str = TEXT) -> Piece:
    """A text as the engine is given it."""
    return Piece(text, 0, len(text))


def voice_of(engine: CoquiVits, voice_id: str) -> Voice:
    """One of its voices."""
    return next(voice for voice in engine.voices() if voice.id == voice_id)


def loaded(models: Path, told: list[str] | None = None) -> CoquiVits:
    """The engine after loading; what it reported goes into ``told``."""
    said = [] if told is None else told
    engine = CoquiVits(EngineContext(models=models, threads=2, report=lambda detail, share: said.append(detail)))
    engine.load()
    return engine


def said(engine: CoquiVits, voice_id: str, text: str = TEXT, **options: Any) -> AudioChunk:
    """What a voice says, which is sound and not too loud."""
    (chunk,) = engine.synthesize(piece(text), voice_of(engine, voice_id), SynthesisOptions(**options))
    assert chunk.rate == engine.capabilities.sample_rate
    assert np.isfinite(chunk.samples).all()
    assert 0 < np.abs(chunk.samples).max() <= 1
    return chunk
