"""Formats a listener can ask for."""

from __future__ import annotations

from dataclasses import dataclass

from server.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One format, by the name that ``response_format`` carries."""

    name: str
    media_type: str
    extension: str
    """With its dot."""
    rate: int
    """Hz. The same for every engine, so that what a client hears does not depend on who speaks."""
    bit_rate: int = 0
    """Bits per second; 0 for formats that lose nothing."""


FORMATS: dict[str, AudioFormat] = {
    entry.name: entry
    for entry in (
        # 44.1 kHz because MP3 below 32 kHz (MPEG-2) ends at 160 kb/s.
        AudioFormat("mp3", "audio/mpeg", ".mp3", 44_100, 192_000),
        AudioFormat("opus", "audio/ogg", ".opus", 48_000, 96_000),
        AudioFormat("aac", "audio/aac", ".aac", 44_100, 160_000),
        AudioFormat("flac", "audio/flac", ".flac", 24_000),
        AudioFormat("wav", "audio/wav", ".wav", 24_000),
        AudioFormat("pcm", "audio/pcm", ".pcm", 24_000),
        AudioFormat("ogg", "audio/ogg", ".ogg", 48_000, 96_000),
        AudioFormat("m4a", "audio/mp4", ".m4a", 44_100, 160_000),
    )
}


def parse_format(name: str) -> AudioFormat:
    """The format of that name, whatever its case and the blanks around it."""
    key = name.strip().lower()
    if key in FORMATS:
        return FORMATS[key]
    hint = "Use m4a, which is mp4 with sound alone, or one" if key == "mp4" else "Use one"
    raise InvalidRequest(
        f"Unsupported response_format {name.strip()[:40]!r}. {hint} of: {', '.join(FORMATS)}.",
        param="response_format",
    )
