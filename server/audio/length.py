"""A file that was written as a stream is told its length: what its header could not know when it began."""

from __future__ import annotations

from pathlib import Path

from server.audio.formats import AudioFormat
from server.audio.wav import HEADER_SIZE, riff_header

_FLAC_COUNT = 18
"""Where FLAC's STREAMINFO has its 64 bits of rate, channels, sample size and, last, 36 bits of samples."""


def write_length(path: Path, audio_format: AudioFormat, samples: int) -> None:
    """Mend the header of a WAV or FLAC file of so many samples; other formats need no such thing."""
    if audio_format.name not in ("wav", "flac"):
        return
    with path.open("r+b") as file:
        if audio_format.name == "wav":
            file.write(riff_header(audio_format.rate, max(0, path.stat().st_size - HEADER_SIZE)))
            return
        file.seek(_FLAC_COUNT)
        fields = int.from_bytes(file.read(8), "big")
        file.seek(_FLAC_COUNT)
        file.write((fields >> 36 << 36 | samples).to_bytes(8, "big"))
