"""A voice, as every part of Troupe passes it round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Gender = Literal["female", "male", "neutral"]
VoiceKind = Literal["builtin", "blend", "clone"]


@dataclass(frozen=True, slots=True)
class Voice:
    """One way to speak, unique by ``id`` within its engine."""

    id: str
    engine: str
    name: str
    """What people read, for example ``Heart``."""
    languages: tuple[str, ...] = ("en",)
    """Lower-case BCP 47 tags, the voice's own language first, for example ``("en-us",)``."""
    gender: Gender = "neutral"
    licence: str = "unknown"
    """SPDX identifier where there is one."""
    kind: VoiceKind = "builtin"
    speaker: str | None = None
    """The engine's own key for it, where that differs from ``id``."""
    blend: tuple[tuple[str, float], ...] = ()
    """Voice ids and their weights (above 0, summing to 1); empty unless ``kind`` is ``blend``."""
    clips: tuple[str, ...] = ()
    """Absolute paths of reference clips; empty unless ``kind`` is ``clone``."""
    transcript: str | None = None
    """What is said in the clips, for engines that want it."""
