"""The stage between engine and encoder that changes whose voice speaks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from server.audio.chunk import AudioChunk
from server.errors import SpeechError


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


@contextmanager
def converting() -> Iterator[None]:
    """What goes wrong in here is marked as the conversion's, so that whoever can do without it knows."""
    try:
        yield
    except SpeechError as error:
        error.of_conversion = True
        raise
