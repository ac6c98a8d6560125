"""How a voice is to be converted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PitchMethod = Literal["rmvpe", "yin"]
"""``rmvpe`` is the better one and wants its model; ``yin`` is light and wants none."""

DISABLED = "Disabled"
"""The name that means no conversion, first in every list of RVC voices."""


@dataclass(frozen=True, slots=True)
class ConversionSettings:
    """One RVC voice and its knobs."""

    voice: str
    pitch: int = 0
    """Semitones up (12: an octave) or down."""
    index_rate: float = 0.75
    """How much of the features comes from the voice's own recordings, 0 to 1; needs an index."""
    protect: float = 0.33
    """How far unvoiced sounds keep clear of the index: 0 most, 0.5 not at all."""
    pitch_method: PitchMethod = "rmvpe"
