"""Take the quiet off the edges of a piece of speech, while it is being made."""

from __future__ import annotations

import numpy as np

from server.audio.chunk import Samples
from server.audio.filters import SILENT

QUIET = 10 ** (-55 / 20)
"""RMS of a frame without speech. Soft onsets (f, h, s) lie above it, the silence of most models well below."""
FRAME_SECONDS = 0.005
HEAD_SECONDS = 0.025
"""Quiet kept before the first sound: a consonant may begin below the threshold."""
TAIL_SECONDS = 0.035
"""Quiet kept after the last sound."""
FADE_SECONDS = 0.005


class Trimmer:
    """Push object for one piece. Held back are a fade's length, and quiet that may turn out to be the end.

    Positions count samples from the beginning of the piece. Of speech at another ``speed`` the quiet that is
    kept is longer or shorter, too.
    """

    def __init__(self, rate: int, speed: float = 1.0) -> None:
        self._frame = max(1, round(rate * FRAME_SECONDS))
        self._head = round(rate * HEAD_SECONDS / speed)
        self._tail = round(rate * TAIL_SECONDS / speed)
        steps = round(rate * FADE_SECONDS)
        self._fade: Samples = (np.sin(np.pi / 2 * np.arange(steps) / steps) ** 2).astype(np.float32)
        self._held: Samples = SILENT
        self._scanned = 0
        self._sound_end = 0
        self.start = 0
        """Where the samples that come out next begin."""
        self.head = 0
        """Quiet samples before the first sound, once there is one."""
        self.tail = 0
        """Quiet samples after the last sound, once finished."""

    @property
    def heard(self) -> bool:
        """True once there is sound."""
        return self._sound_end > 0

    def push(self, samples: Samples) -> Samples:
        """What can be played after ``samples`` came in; nothing while all is quiet."""
        self._held = np.concatenate([self._held, samples])
        # Frames are counted from the start of the piece, so that it does not matter how it was cut.
        while len(self._held) - (self._scanned - self.start) >= self._frame:
            self._scan(self._frame)
        if not self.heard:
            self._take(self._scanned - self._head)
            return SILENT
        return self._take(self._sound_end - len(self._fade))

    def finish(self) -> Samples:
        """The rest of the piece, faded out; nothing if it was all quiet."""
        rest = len(self._held) - (self._scanned - self.start)
        if rest:
            self._scan(rest)
        if not self.heard:
            return SILENT
        self.tail = min(self._tail, self._scanned - self._sound_end)
        last: Samples = self._take(self._sound_end + self.tail).copy()
        fade = self._fade[: len(last)]
        last[len(last) - len(fade) :] *= fade[::-1]
        return last

    def _scan(self, size: int) -> None:
        at = self._scanned - self.start
        frame = self._held[at : at + size]
        # About its mean: some voices rumble below 40 Hz, unheard, for half a second after the last word.
        if float(np.var(frame)) > QUIET**2:
            if not self.heard:
                self._begin()
            self._sound_end = self._scanned + size
        self._scanned += size

    def _begin(self) -> None:
        self._take(self._scanned - self._head)
        self.head = self._scanned - self.start
        fade = self._fade[: len(self._held)]
        self._held = np.concatenate([self._held[: len(fade)] * fade, self._held[len(fade) :]])

    def _take(self, end: int) -> Samples:
        """Cut off what lies before ``end``."""
        size = max(0, end - self.start)
        taken, self._held = self._held[:size], self._held[size:]
        self.start += size
        return taken
