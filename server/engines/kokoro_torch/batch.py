"""Sentences as padded tensors, in few enough shapes that a card meets the same ones again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from server.audio.chunk import Samples
from server.engines.base import Cancel


@dataclass(frozen=True, slots=True)
class Utterance:
    """One sentence as the model takes it."""

    tokens: tuple[int, ...]
    """Phoneme ids with an end mark (0) on both sides."""
    style: npt.NDArray[np.float32]
    """The voice's vector for this length, shape (2 * style,)."""
    speed: float = 1.0
    cancel: Cancel | None = None

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for it any more."""
        return self.cancel is not None and self.cancel.is_set()


@dataclass(frozen=True, slots=True)
class Spoken:
    """The sound of one utterance."""

    samples: Samples
    durations: npt.NDArray[np.int64]
    """Frames of each phoneme id."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Utterances side by side on a device."""

    tokens: Tensor
    lengths: Tensor
    styles: Tensor
    speeds: Tensor

    @classmethod
    def of(cls, utterances: Sequence[Utterance], device: torch.device, rows: int, size: int) -> Batch:
        """Padded to ``rows`` and ``size``; spare rows repeat the first utterance."""
        filled = [*utterances, *[utterances[0]] * (rows - len(utterances))]
        tokens = np.zeros((rows, size), np.int64)
        for row, utterance in enumerate(filled):
            tokens[row, : len(utterance.tokens)] = utterance.tokens
        return cls(
            torch.from_numpy(tokens).to(device),
            torch.tensor([len(u.tokens) for u in filled], device=device),
            torch.from_numpy(np.stack([u.style for u in filled])).to(device),
            torch.tensor([u.speed for u in filled], dtype=torch.float32, device=device),
        )


def bucket(size: int, step: int) -> int:
    """``size`` rounded up: to ``step`` while it is small, to an eighth of its magnitude when it is large."""
    step = max(step, 1 << max(0, size.bit_length() - 4))
    return -(-size // step) * step


def rows_for(count: int) -> int:
    """The next power of two."""
    return 1 << (count - 1).bit_length()


def parts_within(frames: Sequence[int], most: int) -> Iterator[list[int]]:
    """Row numbers in runs whose padded size, rows times the longest, stays within ``most`` if it can."""
    part: list[int] = []
    longest = 0
    for row, count in enumerate(frames):
        longest = max(longest, count)
        if part and longest * (len(part) + 1) > most:
            yield part
            part, longest = [], count
        part.append(row)
    if part:
        yield part
