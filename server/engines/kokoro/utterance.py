"""An utterance: phonemes that remember which characters of the text they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from server.audio.chunk import WordTime
from server.engines.kokoro.vocabulary import NUMBERS, PAUSES, numbers_of

COMFORTABLE_TOKENS = 400
"""The model takes 510, but begins to hurry above this."""

FRAME_SECONDS = 0.025
"""The model's durations count frames of 600 samples at 24 kHz."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Phonemes of one word or mark."""

    phonemes: str
    start: int
    """First character in the text."""
    end: int
    word: bool = True
    """False for punctuation, which has no time of its own."""

    def __len__(self) -> int:
        return len(self.phonemes)


def unit(phonemes: str, start: int, end: int, word: bool = True) -> Unit:
    """A unit of what the model can say; other symbols are dropped."""
    return Unit("".join(symbol for symbol in phonemes if symbol in NUMBERS), start, end, word)


def tokens_of(units: Sequence[Unit]) -> list[int]:
    """Symbol numbers of an utterance, without the pads at its ends."""
    return numbers_of("".join(part.phonemes for part in units))


def split(units: Sequence[Unit], limit: int = COMFORTABLE_TOKENS) -> list[list[Unit]]:
    """Cut what is too long for one utterance: behind a clause where there is one, else between words.

    Nothing is lost; a single unit beyond the limit is cut inside.
    """
    utterances: list[list[Unit]] = []
    rest = [piece for part in units for piece in _chopped(part, limit)]
    while rest:
        fitting, total = 0, 0
        while fitting < len(rest) and total + len(rest[fitting]) <= limit:
            total += len(rest[fitting])
            fitting += 1
        if fitting < len(rest):
            fitting = _best_cut(rest, fitting)
        utterances.append(rest[:fitting])
        rest = rest[fitting:]
    return [utterance for utterance in utterances if any(part.phonemes.strip() for part in utterance)]


def _chopped(part: Unit, limit: int) -> list[Unit]:
    return [
        Unit(part.phonemes[at : at + limit], part.start, part.end, part.word)
        for at in range(0, max(len(part.phonemes), 1), limit)
    ]


def _best_cut(units: Sequence[Unit], most: int) -> int:
    """How many of the first ``most`` units to take: up to the strongest pause in their second half."""
    for pause in PAUSES:
        for at in range(most, most // 2, -1):
            if pause in units[at - 1].phonemes:
                return at
    return most


def word_times(units: Sequence[Unit], durations: npt.NDArray[np.float32]) -> list[WordTime]:
    """When each word is heard, in seconds of the utterance, from the frames of each token, pads included."""
    ends = np.cumsum(durations) * FRAME_SECONDS
    times: list[WordTime] = []
    at = 1  # behind the leading pad
    for part in units:
        first, at = at, at + len(part)
        sounding = [i for i, symbol in enumerate(part.phonemes) if symbol != " " and symbol not in PAUSES]
        if part.word and sounding:
            start, end = float(ends[first + sounding[0] - 1]), float(ends[first + sounding[-1]])
            times.append(WordTime(start, end, part.start, part.end))
    return times


def boundaries(units: Sequence[Unit], durations: npt.NDArray[np.float32]) -> list[int]:
    """Steps of 12.5 ms between one unit and the next: the best places to cut the sound."""
    ends = np.cumsum(durations) * 2
    counts = np.cumsum([len(part) for part in units])
    return [int(ends[count]) for count in counts[:-1]]
