"""A wish to have something spoken, before anything is looked up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from server.engines.base import OptionValue

WavHeader = Literal["auto", "exact", "streaming"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one voice is to sound."""

    voice: str
    """An OpenAI name, a voice id or a blend, as the client wrote it."""
    speed: float | None = None
    """0.25 to 4 with unchanged pitch; None is the voice's own setting, else 1."""
    pitch: float = 0.0
    """Semitones, -12 to 12."""
    volume: float = 1.0
    """Factor, 0 to 2."""
    rvc: str | None = None
    """RVC voice; None searches the voice's and the global setting, ``Disabled`` means none."""
    rvc_pitch: float | None = None
    """Semitones, -24 to 24; None is the voice's or the global setting."""
    rvc_role: Literal["character", "narrator"] = "character"
    """Which global RVC voice stands in where neither request nor voice name one."""
    values: Mapping[str, OptionValue] = field(default_factory=dict)
    """Options of the engine for this request only (temperature and the like)."""


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """What ``POST /v1/audio/speech`` asks for; never mutated."""

    text: str
    delivery: Delivery
    language: str | None = None
    """Lower-case BCP 47 tag; None is the voice's own, ``auto`` guesses."""
    format: str = "mp3"
    instructions: str | None = None
    """Accepted for compatibility; no engine here follows them."""
    wav_header: WavHeader = "auto"
    plain: bool = False
    """True where the text has no markup to clean away."""
