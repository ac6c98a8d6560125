"""What is spoken and how, once everything a client named has been looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.engines.base import OptionValue
from server.text.piece import Piece
from server.voices.voice import Voice


@dataclass(frozen=True, slots=True)
class RvcChoice:
    """An RVC voice and how it is used."""

    voice: str
    pitch: float = 0.0
    """Semitones."""
    index_rate: float = 0.75
    protect: float = 0.33
    f0_method: str = "rmvpe"


@dataclass(frozen=True, slots=True)
class Rendition:
    """How a voice will really sound."""

    voice: Voice
    language: str
    speed: float = 1.0
    pitch: float = 0.0
    """Semitones."""
    volume: float = 1.0
    rvc: RvcChoice | None = None
    values: Mapping[str, OptionValue] = field(default_factory=dict)
    """Checked options of the engine."""


@dataclass(frozen=True, slots=True)
class Line:
    """One piece and how it is to sound."""

    piece: Piece
    rendition: Rendition


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """When a word of the original text is heard."""

    start: float
    """Seconds from the beginning of the sound."""
    end: float
    source_start: int
    """Code points of the original text, end exclusive."""
    source_end: int
