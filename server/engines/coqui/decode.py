"""XTTS's GPT speaking several sentences at once, token by token, with a cache of fixed size: nothing grows.

One step, from the last token of every row to the next, is a fixed sequence of kernels on fixed memory. On CUDA
it is recorded as a graph for a few numbers of rows and reaches of attention, and replayed with one launch, sampling
included; the host looks in once a round. Sentences come and go between rounds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from server.engines.coqui.gpt import Gpt
from server.engines.coqui.sampling import Draw, Sampling
from server.engines.torch_graphs import Graphs

ROUND = 10
"""Tokens that every row advances before the host looks: 0.47 s of speech."""
REACHES = (256, 512)
"""Places that attention looks back over, the whole cache being the last resort: most sentences end within these."""
_CONDITIONING = 80
"""Places kept for a voice's latents in front of the text; the published model has 32."""
_ALIGNED = 64
"""Reaches are multiples of it, as attention kernels want them."""


class Sentence:
    """One row of the decoder."""

    def __init__(self, row: int, length: int, most: int) -> None:
        self.row = row
        self.length = length
        """Places taken by its prefix."""
        self.most = most
        self.spoken = 0
        """Tokens made."""
        self.ended = False
        self._fresh: list[Tensor] = []

    def add(self, latents: Tensor) -> None:
        """What a round has brought."""
        self._fresh.append(latents)

    @property
    def waiting(self) -> int:
        """Tokens whose latents nobody has taken yet."""
        return sum(len(latents) for latents in self._fresh)

    def take(self) -> Tensor | None:
        """Latents [tokens, width] made since the last time."""
        taken, self._fresh = self._fresh, []
        return torch.cat(taken) if taken else None


class GptDecoder:
    """Up to ``slots`` sentences at once."""

    def __init__(self, gpt: Gpt, slots: int) -> None:
        self.slots = slots
        self._gpt = gpt
        self._sentences: list[Sentence] = []
        """By row; rows are filled from the first on."""
        device, self.longest = gpt.device, _longest(gpt)
        shape = (len(gpt.layers), 2, slots, gpt.heads, self.longest, gpt.width // gpt.heads)
        self._cache = torch.zeros(shape, dtype=gpt.precision, device=device)
        tokens = gpt.most + ROUND
        self._draw = Draw(slots, len(gpt.head[1]), tokens, gpt.stop, device)
        self._token, self._place, self._spoken, self._active = torch.zeros(4, slots, dtype=torch.long, device=device)
        self._tokens = torch.zeros(slots, tokens, dtype=torch.long, device=device)
        self._latents = torch.zeros(slots, tokens, gpt.width, device=device)
        self._places = torch.arange(self.longest, device=device)
        self._rows, self._heads = torch.arange(slots, device=device), torch.arange(gpt.heads, device=device)
        self._graphs = Graphs(device)

    @property
    def free(self) -> int:
        """Sentences that may still be begun."""
        return self.slots - len(self._sentences)

    @torch.inference_mode()
    def warm(self, *, graphs: bool) -> Iterator[float]:
        """Run each shape once, and record it if asked to and on CUDA; yields the share done."""
        shapes = [(rows, reach) for rows in _powers(self.slots) for reach in self._reaches()]
        if self._gpt.device.type != "cuda":
            shapes = shapes[:1]
        for done, (rows, reach) in enumerate(shapes):
            if graphs:
                self._graphs.record((rows, reach), lambda rows=rows, reach=reach: self._step(rows, reach))
            self._run(rows, reach)
            yield (done + 1) / len(shapes)

    @torch.inference_mode()
    def begin(self, prefix: Tensor, sampling: Sampling, *, least: int, most: int) -> Sentence:
        """A sentence after ``prefix`` [1, places, width]; it never ends before ``least`` nor after ``most`` tokens."""
        gpt, row, length = self._gpt, len(self._sentences), prefix.shape[1]
        x = prefix[0].to(gpt.precision)
        for number, layer in enumerate(gpt.layers):
            q, k, v = (part.transpose(0, 1) for part in layer.attention_inputs(x, gpt.heads))
            self._cache[number, 0, row, :, :length] = k
            self._cache[number, 1, row, :, :length] = v
            mixed = functional.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]
            x = layer.finish(x, mixed.transpose(0, 1))
        # The library fills the prefix's place with ones, so the token 1 counts as said.
        self._draw.begin(row, sampling, least, (1, gpt.begin))
        for tensor, value in ((self._token, gpt.begin), (self._place, length), (self._spoken, 0), (self._active, 1)):
            tensor[row] = value
        sentence = Sentence(row, length, min(most, gpt.most, self.longest - length - ROUND))
        self._sentences.append(sentence)
        return sentence

    @torch.inference_mode()
    def advance(self, abandoned: Callable[[], bool] = lambda: False) -> None:
        """A round for every sentence; then each holds its latents, and knows whether it has ended.

        Left early once ``abandoned``: what is held then is worth nothing, and every sentence is to be dropped.
        """
        if not self._sentences:
            return
        rows = len(self._sentences)
        if len(self._graphs):
            rows = next(power for power in _powers(self.slots) if power >= rows)
        needed = max(sentence.length + sentence.spoken for sentence in self._sentences) + ROUND
        reach = next(reach for reach in self._reaches() if reach >= needed)
        for _ in range(ROUND):
            if abandoned():
                return
            self._run(rows, reach)
        begin = torch.tensor([sentence.spoken for sentence in self._sentences], device=self._rows.device)
        places = begin[:, None] + self._places[:ROUND]
        said = self._tokens[: len(self._sentences)].gather(1, places).tolist()
        for sentence, tokens in zip(self._sentences, said, strict=True):
            stop = tokens.index(self._gpt.stop) if self._gpt.stop in tokens else ROUND
            count = min(stop, sentence.most - sentence.spoken)
            if count:
                sentence.add(self._latents[sentence.row, sentence.spoken : sentence.spoken + count].clone())
            sentence.spoken += count
            sentence.ended = count < ROUND or sentence.spoken == sentence.most

    @torch.inference_mode()
    def drop(self, sentence: Sentence) -> None:
        """Free its row, ended or not; the last row takes its place."""
        last = self._sentences.pop()
        self._active[last.row] = 0
        if last is not sentence:
            self._move(last, sentence.row)
            self._sentences[last.row] = last
        for tensor in (self._token, self._place, self._spoken):  # a row that rests stays within every bound
            tensor[len(self._sentences)] = 0

    def _move(self, sentence: Sentence, row: int) -> None:
        source, sentence.row = sentence.row, row
        reach = sentence.length + sentence.spoken
        self._cache[:, :, row, :, :reach] = self._cache[:, :, source, :, :reach]
        self._draw.move(source, row)
        for tensor in (self._token, self._place, self._spoken):
            tensor[row] = tensor[source]
        self._active[row] = 1

    def _reaches(self) -> list[int]:
        return [*(reach for reach in REACHES if reach < self.longest), self.longest]

    def _run(self, rows: int, reach: int) -> None:
        self._graphs.run((rows, reach), lambda: self._step(rows, reach))

    def _step(self, rows: int, reach: int) -> tuple[Tensor, ...]:
        """One token for the first ``rows`` rows: all it reads and writes lies in the decoder's own tensors."""
        gpt = self._gpt
        numbers, place, spoken = self._rows[:rows], self._place[:rows], self._spoken[:rows]
        x = gpt.embedded(self._token[:rows], spoken)
        visible = (self._places[:reach] <= place[:, None])[:, None, None, :]
        where = (numbers[:, None], self._heads[None, :], place[:, None])
        for number, layer in enumerate(gpt.layers):
            q, k, v = layer.attention_inputs(x, gpt.heads)
            keys, values = self._cache[number]
            keys.index_put_(where, k)
            values.index_put_(where, v)
            mixed = functional.scaled_dot_product_attention(
                q[:, :, None], keys[:rows, :, :reach], values[:rows, :, :reach], attn_mask=visible
            )
            x = layer.finish(x, mixed[:, :, 0])
        latent, scores = gpt.latent_and_scores(x)
        token = self._draw.next(scores, spoken)
        self._tokens.index_put_((numbers, spoken), token)
        self._latents.index_put_((numbers, spoken), latent)
        self._token[:rows].copy_(token)
        place.add_(self._active[:rows])
        spoken.add_(self._active[:rows])
        return ()


def bytes_per_slot(gpt: Gpt) -> int:
    """Memory that each sentence at once takes: its cache, nearly all of it."""
    return len(gpt.layers) * 2 * gpt.width * _longest(gpt) * gpt.precision.itemsize


def _longest(gpt: Gpt) -> int:
    return -(-(gpt.most + gpt.longest_text + _CONDITIONING + ROUND) // _ALIGNED) * _ALIGNED


def _powers(most: int) -> list[int]:
    """1, 2, 4 and so on, up to ``most`` itself."""
    powers = [1]
    while powers[-1] < most:
        powers.append(min(most, powers[-1] * 2))
    return powers
