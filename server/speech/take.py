"""A take: lines spoken one after the other as one continuous sound, made a little ahead of its listener.

The engine is never held back by a listener: a piece that is being made goes into memory whole, and only the
next piece waits until the listener has come near.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

import numpy as np

from server.audio.chunk import AudioChunk
from server.audio.join import Joiner
from server.speech.lane import Turn
from server.speech.offload import worked_on
from server.speech.rendition import Line, SpokenWord
from server.speech.speaker import Speaker
from server.text.piece import Piece

AHEAD = 10.0
"""Seconds of sound that may wait for the listener before the next piece is begun."""
SILENCE = 0.3
"""Length in seconds of what is sent for a text without anything to say."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Joined sound, and the words heard in it with their times from the beginning of the take."""

    chunk: AudioChunk
    words: tuple[SpokenWord, ...] = ()
    line: Line | None = None
    """Whom and what is heard; None for the rest at the end."""


@dataclass(frozen=True, slots=True)
class _End:
    line: Line | None
    error: BaseException | None = None


class Take:
    """Speaks ``lines``; the lines may still be coming while the first ones are spoken."""

    def __init__(self, speaker: Speaker, turn: Turn, lines: Iterable[Line], rate: int) -> None:
        self.rate = rate
        self._speaker = speaker
        self._turn = turn
        self._lines = lines
        self._joiner = Joiner(rate)
        self._inbox: asyncio.Queue[Line | AudioChunk | _End] = asyncio.Queue()
        self._waiting_seconds = 0.0
        self._taken = asyncio.Event()

    async def sounds(self) -> AsyncGenerator[Sound, None]:
        """The sound as it is made. Leaving the generator stops the engine inside the sentence."""
        producer = asyncio.create_task(self._produce())
        try:
            line: Line | None = None
            while True:
                item = await self._inbox.get()
                if isinstance(item, Line):
                    line = item
                    begun = self._joiner.begin_piece(item.piece.pause_before, item.rendition.speed)
                    for sound in self._placed(begun, line):
                        yield sound
                elif isinstance(item, AudioChunk):
                    assert line is not None
                    self._waiting_seconds -= item.seconds
                    self._taken.set()
                    for sound in self._placed(await worked_on(item, self._joiner.push), line):
                        yield sound
                elif item.line is not None:
                    for sound in self._placed(self._joiner.end_piece(item.line.piece.pause_after), item.line):
                        yield sound
                elif item.error is not None:
                    raise item.error
                else:
                    break
            for chunk in self._joiner.finish():
                yield Sound(chunk)
            if self._joiner.position == 0:
                yield Sound(AudioChunk(np.zeros(int(SILENCE * self.rate), np.float32), self.rate))
        finally:
            producer.cancel()
            await asyncio.gather(producer, return_exceptions=True)

    async def _produce(self) -> None:
        try:
            for line in self._lines:
                if self._waiting_seconds > AHEAD:
                    with self._turn.rest():
                        await self._listener()
                self._inbox.put_nowait(line)
                if line.piece.text:
                    async with aclosing(self._speaker.speak(self._turn, line, self.rate)) as chunks:
                        async for chunk in chunks:
                            self._waiting_seconds += chunk.seconds
                            self._inbox.put_nowait(chunk)
                self._inbox.put_nowait(_End(line))
            self._inbox.put_nowait(_End(None))
            self._turn.resting = True  # all of it is made
        except Exception as error:  # noqa: BLE001 - raised again where the sound is read
            self._inbox.put_nowait(_End(None, error))

    async def _listener(self) -> None:
        """Until the listener is near."""
        while self._waiting_seconds > AHEAD:
            self._taken.clear()
            await self._taken.wait()

    def _placed(self, chunks: Iterable[AudioChunk], line: Line) -> Iterator[Sound]:
        """Give the chunks' words their place in the original text and in the take."""
        chunks = list(chunks)
        at = self._joiner.position - sum(chunk.seconds for chunk in chunks)
        for chunk in chunks:
            yield Sound(chunk, tuple(words_of(chunk, line.piece, at)), line)
            at += chunk.seconds


def words_of(chunk: AudioChunk, piece: Piece, at: float) -> Iterator[SpokenWord]:
    """The words of a chunk that begins at ``at`` seconds, by their range in the original text."""
    for word in chunk.words:
        start, end = piece.source_of(word.text_start, word.text_end)
        yield SpokenWord(at + word.start, at + word.end, start, end)
