"""How XTTS's next token is drawn, for every row of a batch by its own wishes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Sampling:
    """One sentence's wishes."""

    temperature: float = 0.75
    top_k: int = 50
    top_p: float = 0.85
    repetition_penalty: float = 10.0
    seed: int = 0


class Draw:
    """Tensors that say how each of ``rows`` rows draws; set row by row, read by a recorded step."""

    def __init__(self, rows: int, vocabulary: int, most: int, stop: int, device: torch.device) -> None:
        self._stop = stop
        self._knobs = torch.ones(3, rows, device=device)
        self._kept = torch.ones(rows, dtype=torch.long, device=device)
        self._earliest = torch.zeros(rows, dtype=torch.long, device=device)
        self._seen = torch.zeros(rows, vocabulary, dtype=torch.bool, device=device)
        self._noise = torch.zeros(rows, most, vocabulary, device=device)
        self._numbers = torch.arange(vocabulary, device=device)

    def begin(self, row: int, sampling: Sampling, least: int, seen: tuple[int, ...]) -> None:
        """A new sentence in ``row``: no end before ``least`` tokens, ``seen`` count as said already.

        Gumbel noise of its own seed for all its tokens: the same seed says the same, whoever speaks beside it.
        """
        _, most, vocabulary = self._noise.shape
        generator = torch.Generator(self._noise.device).manual_seed(sampling.seed)
        uniform = torch.rand((most, vocabulary), generator=generator, device=self._noise.device)
        self._noise[row] = -torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7)))
        wishes = (sampling.temperature, sampling.top_p, sampling.repetition_penalty)
        self._knobs[:, row] = torch.tensor(wishes, device=self._knobs.device)
        self._kept[row] = min(sampling.top_k or vocabulary, vocabulary)
        self._earliest[row] = least
        self._seen[row] = False
        self._seen[row, list(seen)] = True

    def move(self, source: int, target: int) -> None:
        """Another row for a sentence that is being spoken."""
        self._knobs[:, target] = self._knobs[:, source]
        for tensor in (self._kept, self._earliest, self._seen, self._noise):
            tensor[target] = tensor[source]

    def next(self, scores: Tensor, spoken: Tensor) -> Tensor:
        """The next token [rows] from scores [rows, vocabulary]; ``spoken`` [rows] tokens went before.

        Penalty, temperature, the likeliest ``top_k``, of these the likeliest ``top_p``: the library's order.
        """
        rows = len(scores)
        temperature, top_p, penalty = self._knobs[:, :rows, None]
        punished = torch.where(scores < 0, scores * penalty, scores / penalty)
        scores = torch.where(self._seen[:rows], punished, scores) / temperature
        early = (self._numbers == self._stop) & (spoken < self._earliest[:rows])[:, None]
        scores = scores.masked_fill(early, -math.inf)
        ordered, order = scores.sort(dim=1, descending=True)
        within = self._numbers < self._kept[:rows, None]
        likely = ordered.masked_fill(~within, -math.inf).softmax(1)
        kept = within & ((likely.cumsum(1) - likely < top_p) | (self._numbers == 0))
        noise = self._noise[:rows].gather(1, spoken[:, None, None].expand(-1, 1, self._noise.shape[2]))[:, 0]
        drawn = ordered.masked_fill(~kept, -math.inf) + noise
        token = order.gather(1, drawn.argmax(1, keepdim=True))
        self._seen[:rows].scatter_(1, token, torch.ones_like(token, dtype=torch.bool))
        return token[:, 0]
