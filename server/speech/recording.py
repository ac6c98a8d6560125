"""A recording: what was wished for, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from server.audio.formats import AudioFormat, parse_format
from server.errors import SpeechError
from server.speech.chapters import Chapter
from server.speech.peaks import Peaks
from server.speech.request import Delivery
from server.speech.signal import Signal
from server.text.roles import CHARACTER, NARRATOR

LISTEN = parse_format("mp3")
"""What browsers begin to play soonest, and can play while it grows."""

State = Literal["making", "done", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class RecordingRequest:
    """What is to be recorded."""

    text: str
    cast: Mapping[str, Delivery]
    """``character``, and where two voices share the text ``narrator``."""
    unmarked: Literal["character", "narrator"] = "character"
    language: str | None = None
    format: str = "mp3"
    load_timeout: float = 60.0
    """Seconds to wait for an engine that is loading."""


@dataclass(slots=True)
class Recording:
    """One recording and how far it is; changes on the event loop alone."""

    id: str
    request: RecordingRequest
    format: AudioFormat
    folder: Path
    chapters: list[Chapter]
    made_at: float
    """Seconds since the epoch."""
    state: State = "making"
    seconds: float = 0.0
    done: float = 0.0
    """How much of the text, 0 to 1."""
    first_sound: float | None = None
    """Seconds from the wish to the first sound."""
    took: float = 0.0
    """Seconds of work so far."""
    error: SpeechError | None = None
    peaks: Peaks = field(default_factory=Peaks)
    starts: list[float] = field(default_factory=list)
    """Where each chapter begun so far begins, in seconds."""
    changed: Signal = field(default_factory=Signal)

    @property
    def listen_file(self) -> Path:
        """Grows while the recording is made."""
        return self.folder / f"listen{LISTEN.extension}"

    @property
    def file(self) -> Path:
        """In the format that was asked for."""
        return self.folder / f"troupe{self.format.extension}"

    def to_json(self) -> dict[str, Any]:
        """What a player shows."""
        text = " ".join(self.request.text.split())
        return {
            "id": self.id,
            "state": self.state,
            "text": text if len(text) <= 120 else text[:117] + "…",
            "voice": self.request.cast[CHARACTER].voice,
            "narrator": self.request.cast[NARRATOR].voice if NARRATOR in self.request.cast else None,
            "format": self.format.name,
            "seconds": round(self.seconds, 3),
            "done": round(self.done, 4),
            "first_sound": None if self.first_sound is None else round(self.first_sound, 3),
            "real_time_factor": round(self.took / self.seconds, 3) if self.seconds else None,
            "error": self.error.message if self.error else None,
            "peaks": self.peaks.values,
            "chapters": [
                {"title": chapter.title, "start": round(start, 3)}
                for chapter, start in zip(self.chapters, self.starts, strict=False)
                if chapter.title
            ],
            "made_at": self.made_at,
            "url": f"/api/recordings/{self.id}",
        }
