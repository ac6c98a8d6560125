"""Where a sentence's features are cut into windows, and how their sounds are joined again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from server.audio.chunk import Samples

STEP_SAMPLES = 300
"""One step of features is 12.5 ms."""
CONTEXT = 6
"""Steps decoded on either side and thrown away; more changes nothing that can be measured."""
FIRST = 80
"""Steps of the first window: one second of sound, a third of it the silence a sentence opens with."""
GROWTH = 1.7
"""Each window against the one before: made twice as fast as it is heard, the next is in time."""
MOST = 400
"""Steps of the longest window, five seconds: what a longer one would save in context it would cost in memory."""
WHOLE = 160
"""Up to so many steps are decoded in one go."""
FADE = 240
"""Samples over which two windows overlap, 10 ms: their phases agree, so it only hides rounding."""


@dataclass(frozen=True, slots=True)
class Window:
    """Steps ``start:end`` of the features."""

    start: int
    end: int

    def with_context(self, total: int) -> Window:
        """The steps to decode for it."""
        return Window(max(0, self.start - CONTEXT), min(total, self.end + CONTEXT))


def plan(total: int, boundaries: Sequence[int] = ()) -> list[Window]:
    """Windows over ``total`` steps; a cut moves to a near one of ``boundaries``, between words."""
    if total <= WHOLE:
        return [Window(0, total)]
    cuts = [0]
    size = float(FIRST)
    while total - cuts[-1] > size * 1.5:  # a last window of less than half would not be worth its context
        aim = cuts[-1] + int(size)
        near = [step for step in boundaries if abs(step - aim) <= size / 4]
        cuts.append(min(near, key=lambda step: abs(step - aim), default=aim))
        size = min(size * GROWTH, MOST)
    return [Window(start, end) for start, end in zip(cuts, [*cuts[1:], total], strict=True)]


class Joiner:
    """Takes the sound of each window with its context and gives out one continuous sound."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._tail: Samples = np.zeros(0, np.float32)

    def add(self, sound: Samples, window: Window) -> Samples:
        """What can be heard now; the last 10 ms wait for the next window."""
        outer = window.with_context(self._total)
        start = (window.start - outer.start) * STEP_SAMPLES
        end = start + (window.end - window.start) * STEP_SAMPLES
        if window.start:
            start -= FADE // 2
        last = window.end >= self._total
        body: Samples = sound[start : end - (FADE // 2 if not last else 0)].copy()
        if len(self._tail):
            rising = np.linspace(0, 1, FADE, dtype=np.float32)
            body[:FADE] = body[:FADE] * rising + self._tail * (1 - rising)
        self._tail = sound[end - FADE // 2 : end + FADE // 2].copy() if not last else np.zeros(0, np.float32)
        return body
