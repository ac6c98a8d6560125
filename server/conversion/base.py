"""The stage between engine and encoder that changes whose voice speaks."""

from __future__ import annotations

from typing import Protocol

from server.audio.chunk import AudioChunk


class VoiceConverter(Protocol):
    """A push object for one stream of speech; the words stay, the voice changes, and perhaps the rate.

    Chunks come back later than they went in, and cut differently; word times travel with the sound.
    """

    def convert(self, chunk: AudioChunk) -> list[AudioChunk]:
        """Take in more speech; what is ready comes out."""
        ...

    def flush(self) -> list[AudioChunk]:
        """The rest, at the end of the speech."""
        ...
