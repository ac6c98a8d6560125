"""RVC on a stream: overlapping blocks, each converted with what came before it, faded into one another.

The model ties its noise to the place in the stream and continues the sine's phase, so two neighbouring blocks
say the same thing where they overlap; the fade only hides that their contexts differ.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from server.audio.chunk import AudioChunk, Samples, WordTime
from server.conversion.rvc.model import Converted, Window
from server.conversion.rvc.settings import ConversionSettings

FRAME = 0.01
"""Seconds."""
FIRST_BLOCK, BLOCK = 48, 96
"""Frames converted in one go: a short block first, so that sound comes early. Even, like all of these."""
BEHIND, AHEAD = 96, 16
"""Frames of context before and after a block."""
FADE = 4
"""Frames of the overlap that is faded."""

ConvertWindow = Callable[[Window, ConversionSettings], Converted]


class RvcStream:
    """A ``VoiceConverter``; ``convert_window`` is ``RvcModel.convert_window``, or its stand-in across a pipe."""

    def __init__(self, convert_window: ConvertWindow, settings: ConversionSettings) -> None:
        self._convert_window = convert_window
        self._settings = settings
        self._reset()

    def _reset(self) -> None:
        self._rate = 0
        self._samples: Samples = np.zeros(0, np.float32)
        self._dropped = 0
        """Frames at the beginning of the stream that are no longer kept."""
        self._done = 0
        """Frames whose conversion has been given out, and how many had been before the last block."""
        self._done_before = 0
        self._taken = 0
        """Input samples taken in all."""
        self._tail: Samples = np.zeros(0, np.float32)
        """Converted sound behind ``_done`` that the next block is faded over."""
        self._phases: dict[int, float] = {}
        self._words: list[WordTime] = []

    def completes_block(self, chunk: AudioChunk) -> bool:
        """Whether something is converted when ``chunk`` is pushed, which takes its time."""
        if self._rate not in (0, chunk.rate):
            return True
        return self._is_due(_whole_frames(self._taken + len(chunk.samples), chunk.rate))

    def convert(self, chunk: AudioChunk) -> list[AudioChunk]:
        """Blocks that are complete, with what follows them."""
        out = []
        if self._rate not in (0, chunk.rate):  # another engine's rate: what was begun is ended first
            out = self.flush()
        self._rate = chunk.rate
        begin = self._taken / chunk.rate
        self._words += [WordTime(begin + w.start, begin + w.end, w.text_start, w.text_end) for w in chunk.words]
        self._samples = np.concatenate([self._samples, chunk.samples])
        self._taken += len(chunk.samples)
        while self._is_due(_whole_frames(self._taken, chunk.rate)):
            end = self._done + self._next_size()
            out.append(self._block(end, end + AHEAD))
        return out

    def flush(self) -> list[AudioChunk]:
        """What is left, without context behind it; afterwards a new stream may begin."""
        out = []
        if self._taken:
            end = math.ceil(self._taken / (self._rate * FRAME))
            end += end % 2
            if end > self._done:
                last = self._block(end, end)
                whole = round(self._taken / self._rate * last.rate) - round(self._done_before * FRAME * last.rate)
                out.append(last.with_samples(last.samples[: max(0, whole)]))
        self._reset()
        return out

    def _block(self, end: int, until: int) -> AudioChunk:
        """Frames ``_done`` to ``end``, converted in a window that reaches from the context to ``until``."""
        start = max(self._dropped, self._done - BEHIND)
        begin = self._frame_samples(start - self._dropped)
        stretch = self._samples[begin : self._frame_samples(until - self._dropped)]
        done = self._convert_window(Window(stretch, self._rate, start, self._phases.get(start, 0.0)), self._settings)
        for number, phase in enumerate(done.phases.tolist()):
            self._phases[start + number + 1] = phase
        self._phases = {frame: phase for frame, phase in self._phases.items() if frame >= end - BEHIND}
        hop = round(done.rate * FRAME)
        fresh = done.samples[(self._done - start) * hop :].copy()
        shared = min(len(self._tail), len(fresh), FADE * hop)
        if shared:
            rise = np.linspace(0, 1, shared, endpoint=False, dtype=np.float32)
            fresh[:shared] = fresh[:shared] * rise + self._tail[:shared] * (1 - rise)
        size = (end - self._done) * hop
        self._tail = fresh[size : size + FADE * hop]
        self._done_before, self._done = self._done, end
        keep = max(self._dropped, end - BEHIND)
        self._samples = self._samples[self._frame_samples(keep - self._dropped) :]
        self._dropped = keep
        return AudioChunk(fresh[:size], done.rate, self._words_until(end, last=until == end))

    def _words_until(self, end: int, *, last: bool) -> tuple[WordTime, ...]:
        """Words that begin before frame ``end``, timed from the block's beginning."""
        begin = self._done_before * FRAME
        said = [word for word in self._words if last or word.start < end * FRAME]
        self._words = self._words[len(said) :]
        return tuple(WordTime(w.start - begin, w.end - begin, w.text_start, w.text_end) for w in said)

    def _is_due(self, frames: int) -> bool:
        """Whether the next block can be converted once so many frames are there."""
        return frames >= self._done + self._next_size() + AHEAD

    def _next_size(self) -> int:
        return BLOCK if self._done else FIRST_BLOCK

    def _frame_samples(self, frames: int) -> int:
        return round(frames * self._rate * FRAME)


def _whole_frames(samples: int, rate: int) -> int:
    return int(samples / (rate * FRAME))
