"""Join the sound of successive pieces: edges trimmed and faded, pauses as long as they were asked to be."""

from __future__ import annotations

import numpy as np

from server.audio.chunk import AudioChunk, Samples
from server.audio.trim import HEAD_SECONDS, Trimmer
from server.audio.words import WordQueue


class Joiner:
    """Push object: ``begin_piece``, ``push`` the chunks, ``end_piece``; ``finish`` ends the stream.

    Each gives what is ready. A pause is what is heard: from the last sound of one piece to the first of the
    next. Word times, in and out, count from the beginning of their chunk.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._head = round(rate * HEAD_SECONDS)
        self._given = 0
        self._quiet = 0  # samples since the last sound
        self._punctuation = 0  # the pause after the last spoken piece
        self._explicit = 0  # those asked for by name since then, together
        # of the piece that is being taken in
        self._trimmer = Trimmer(rate)
        self._speed = 1.0
        self._taken = 0
        self._words = WordQueue()
        self._spoken = False

    @property
    def position(self) -> float:
        """Seconds given so far: where the next chunk will stand in the stream."""
        return self._given / self._rate

    def begin_piece(self, pause_before: float = 0.0, speed: float = 1.0) -> list[AudioChunk]:
        """Start a piece, at least ``pause_before`` seconds after the sound before it.

        ``speed`` is that of its speech; the quiet around it is shortened alike.
        """
        self._trimmer = Trimmer(self._rate, speed)
        self._speed = speed
        self._head = round(self._rate * HEAD_SECONDS / speed)
        self._taken, self._words, self._spoken = 0, WordQueue(), False
        self._explicit += round(pause_before * self._rate)
        return self._pause(self._head)

    def push(self, chunk: AudioChunk) -> list[AudioChunk]:
        """Take in the next chunk of the piece."""
        self._words.add(chunk.words, self._taken / self._rate)
        self._taken += len(chunk.samples)
        ready = self._trimmer.push(chunk.samples)
        if not len(ready):
            return []
        given = [] if self._spoken else self._pause(self._trimmer.head)
        self._spoken = True
        return [*given, self._give(ready)]

    def end_piece(self, pause_after: float = 0.0) -> list[AudioChunk]:
        """End the piece: at speed 1 the next sound comes ``pause_after`` seconds after its last.

        A piece without sound is a pause of its own, as long as was asked for at any speed.
        """
        rest = self._trimmer.finish()
        if not self._trimmer.heard:
            self._explicit += round(pause_after * self._rate)
            return self._pause(self._head)
        given = [] if self._spoken else self._pause(self._trimmer.head)
        given.append(self._give(rest, last=True))
        self._quiet = self._trimmer.tail
        self._punctuation, self._explicit = round(pause_after * self._rate / self._speed), 0
        return given + self._pause(self._head)

    def finish(self) -> list[AudioChunk]:
        """The rest of a pause at the end of the stream."""
        return self._pause(0)

    def _pause(self, head: int) -> list[AudioChunk]:
        """What is missing of the pause when ``head`` samples of quiet follow."""
        missing = max(self._punctuation, self._explicit) - self._quiet - head
        if missing <= 0:
            return []
        self._quiet += missing
        self._given += missing
        return [AudioChunk(np.zeros(missing, dtype=np.float32), self._rate)]

    def _give(self, samples: Samples, last: bool = False) -> AudioChunk:
        self._given += len(samples)
        end = self._trimmer.start / self._rate
        start = end - len(samples) / self._rate
        return AudioChunk(samples, self._rate, self._words.take(start, end, last))
