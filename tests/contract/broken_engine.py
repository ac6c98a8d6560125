"""Engines to fail with, and one to switch to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from server.audio.chunk import AudioChunk
from server.engines.base import Job, More, no_more
from server.engines.tone import Tone
from server.errors import SpeechError
from server.voices.voice import Voice


class Broken(Tone):
    """Raises what a model library might."""

    capabilities = replace(Tone.capabilities, name="broken")

    def load(self) -> None:
        """Fail."""
        raise ZeroDivisionError("weights are broken")


class Absent(Tone):
    """Wants a package that is not there."""

    capabilities = replace(Tone.capabilities, name="absent", modules=("no_such_package_at_all",))


class Twin(Tone):
    """Works; another engine to switch to."""

    capabilities = replace(Tone.capabilities, name="twin")


class Solo(Tone):
    """Could be handed four, and speaks one after the other: so it says."""

    capabilities = replace(Tone.capabilities, name="solo", batch_size=4)

    @property
    def at_once(self) -> int:
        """Memory is short."""
        return 1

    def voices(self) -> Sequence[Voice]:
        """Tone's, under its own name."""
        return [replace(voice, engine="solo") for voice in super().voices()]


class Duet(Tone):
    """Speaks for two at once and never for one: the second has to join in. Told in ``memory``: how often it rested."""

    capabilities = replace(Tone.capabilities, name="duet", batch_size=2)
    rest_after = 0.2
    _rests = 0

    def voices(self) -> Sequence[Voice]:
        """Tone's, under its own name."""
        return [replace(voice, engine="duet") for voice in super().voices()]

    def synthesize_batch(
        self, jobs: Sequence[Job], more: More = no_more
    ) -> Iterator[tuple[int, AudioChunk | SpeechError | None]]:
        """Wait for a second listener, then say both pieces."""
        both = [*jobs]
        while len(both) < 2:
            jobs[0].options.cancel.check()
            both += more(2 - len(both))
            time.sleep(0.01)
        yield from super().synthesize_batch(both)

    def memory(self) -> Mapping[str, int]:
        """How often it was let rest."""
        return {"rests": self._rests}

    def rest(self) -> None:
        """Count; the second time fails, which must disturb nobody."""
        self._rests += 1
        if self._rests == 2:
            raise ZeroDivisionError("rest is broken")
