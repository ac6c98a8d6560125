"""XTTS's GPT, one token after the other, with a cache of fixed size: nothing is copied or grown per token.

One step, from the last token to the next, is a fixed sequence of kernels on fixed memory. On CUDA it is
recorded as a graph and replayed with one launch, sampling included; the host looks in only once per chunk.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

log = logging.getLogger("troupe.xtts")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn."""

    temperature: float = 0.75
    top_k: int = 50
    top_p: float = 0.85
    repetition_penalty: float = 10.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Layer:
    """Weights of one transformer block, as GPT-2 stores them: [inputs, outputs]."""

    norm1: tuple[Tensor, Tensor]
    into: tuple[Tensor, Tensor]
    out: tuple[Tensor, Tensor]
    norm2: tuple[Tensor, Tensor]
    wide: tuple[Tensor, Tensor]
    narrow: tuple[Tensor, Tensor]


class GptDecoder:
    """Speaks one sentence at a time; ``gpt`` is the library's, whose weights are used as they are."""

    def __init__(self, gpt: torch.nn.Module, *, precision: torch.dtype, graphs: bool) -> None:
        self.stop, self.begin = gpt.stop_audio_token, gpt.start_audio_token
        self.most = gpt.max_gen_mel_tokens
        self._gpt, self._heads, self._precision = gpt, gpt.heads, precision
        self._device = gpt.mel_head.weight.device
        self._layers = [_layer(block, precision) for block in gpt.gpt.h]
        self._last_norm = _pair(gpt.gpt.ln_f, torch.float32)
        self._final_norm = _pair(gpt.final_norm, torch.float32)
        self._head = _pair(gpt.mel_head, precision)
        width = gpt.model_dim
        self._longest = self.most + gpt.max_text_tokens + 80
        shape = (len(self._layers), 2, self._heads, self._longest, width // self._heads)
        self._cache = torch.zeros(shape, dtype=precision, device=self._device)
        vocabulary = gpt.mel_head.weight.shape[0]
        make: Callable[..., Tensor] = lambda *size, **more: torch.zeros(*size, device=self._device, **more)  # noqa: E731
        self._token, self._place = make(1, dtype=torch.long), make(1, dtype=torch.long)
        self._spoken = make(1, dtype=torch.long)
        self._earliest = make(1, dtype=torch.long)
        self._seen = make(vocabulary, dtype=torch.bool)
        self._knobs = make(3)
        self._kept = make(1, dtype=torch.long)
        self._noise = make(self.most, vocabulary)
        self._tokens, self._latents = make(self.most + 1, dtype=torch.long), make(self.most + 1, width)
        self._graph: torch.cuda.CUDAGraph | None = None
        if graphs and self._device.type == "cuda":
            try:
                self._graph = self._record()
            except RuntimeError as error:  # a driver or a library too old for it
                log.warning("CUDA graphs are not used: %s", error)

    @torch.inference_mode()
    def generate(
        self, prefix: Tensor, sampling: Sampling, chunks: Iterator[int], *, least: int, most: int
    ) -> Iterator[Tensor]:
        """Latents [tokens, width] in chunks, until the model stops; never before ``least`` nor after ``most``."""
        most = min(most, self.most, self._longest - prefix.shape[1] - 2)
        self._prefill(prefix, sampling, least)
        done = 0
        while done < most:
            count = min(next(chunks), most - done)
            for _ in range(count):
                self._advance()
            tokens = self._tokens[done : done + count].tolist()
            stopped = self.stop in tokens
            fresh = tokens.index(self.stop) if stopped else count
            if fresh:
                yield self._latents[done : done + fresh].clone()
            if stopped:
                return
            done += count

    def _prefill(self, prefix: Tensor, sampling: Sampling, least: int) -> None:
        """The conditioning and the text through all layers; the state of the first step."""
        length = prefix.shape[1]
        x = prefix[0].to(self._precision)
        for number, layer in enumerate(self._layers):
            q, k, v = self._attention_inputs(layer, x)
            self._cache[number, 0, :, :length] = k
            self._cache[number, 1, :, :length] = v
            mixed = functional.scaled_dot_product_attention(q[None], k[None], v[None], is_causal=True)[0]
            x = self._finish(layer, x, mixed)
        generator = torch.Generator(self._device).manual_seed(sampling.seed)
        uniform = torch.rand(self._noise.shape, generator=generator, device=self._device)
        self._noise.copy_(-torch.log(-torch.log(uniform.clamp(1e-20, 1 - 1e-7))))
        self._token.fill_(self.begin)
        self._place.fill_(length)
        self._spoken.zero_()
        self._earliest.fill_(least)
        self._seen.zero_()
        self._seen[1] = self._seen[self.begin] = True  # the library fills the prefix's place with ones
        self._knobs.copy_(
            torch.tensor([sampling.temperature, sampling.top_p, sampling.repetition_penalty], device=self._device)
        )
        self._kept.fill_(min(sampling.top_k or len(self._seen), len(self._seen)))

    def _advance(self) -> None:
        if self._graph is not None:
            self._graph.replay()
        else:
            self._step()

    def _step(self) -> None:
        """One token: everything it reads and writes lives in the decoder's own tensors."""
        gpt = self._gpt
        x = gpt.mel_embedding.weight[self._token] + gpt.mel_pos_embedding.emb.weight[self._spoken]
        x = x.to(self._precision)
        places = torch.arange(self._longest, device=self._device)
        visible = (places <= self._place)[None, None, :]
        for number, layer in enumerate(self._layers):
            q, k, v = self._attention_inputs(layer, x)
            keys, values = self._cache[number, 0], self._cache[number, 1]
            keys.index_copy_(1, self._place, k)
            values.index_copy_(1, self._place, v)
            mixed = functional.scaled_dot_product_attention(q[None], keys[None], values[None], attn_mask=visible)[0]
            x = self._finish(layer, x, mixed)
        x = functional.layer_norm(x.float(), self._last_norm[0].shape, *self._last_norm)
        latent = functional.layer_norm(x, self._final_norm[0].shape, *self._final_norm)
        logits = functional.linear(latent.to(self._precision), *self._head).float()[0]
        token = self._drawn(logits)
        self._tokens.index_copy_(0, self._spoken, token)
        self._latents.index_copy_(0, self._spoken, latent)
        self._seen.index_fill_(0, token, True)
        self._token.copy_(token)
        self._place.add_(1)
        self._spoken.add_(1)

    def _drawn(self, scores: Tensor) -> Tensor:
        """The next token: penalty, temperature, the likeliest ``top_k``, of these the likeliest ``top_p``."""
        temperature, top_p, penalty = self._knobs.unbind()
        punished = torch.where(scores < 0, scores * penalty, scores / penalty)
        scores = torch.where(self._seen, punished, scores) / temperature
        numbers = torch.arange(len(scores), device=scores.device)
        early = (numbers == self.stop) & (self._spoken < self._earliest)
        scores = scores.masked_fill(early, -math.inf)
        ordered, order = scores.sort(descending=True)
        before = ordered.masked_fill(numbers >= self._kept, -math.inf).softmax(0)
        before = before.cumsum(0) - before
        kept = ((before < top_p) | (numbers == 0)) & (numbers < self._kept)
        drawn = ordered.masked_fill(~kept, -math.inf) + self._noise[self._spoken][0]
        return order[drawn.argmax(0, keepdim=True)]

    def _attention_inputs(self, layer: _Layer, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        normal = functional.layer_norm(x, layer.norm1[0].shape, *layer.norm1)
        parts = torch.addmm(layer.into[1], normal, layer.into[0]).chunk(3, dim=-1)
        q, k, v = (part.unflatten(-1, (self._heads, -1)).transpose(0, 1) for part in parts)
        return q, k, v

    def _finish(self, layer: _Layer, x: Tensor, mixed: Tensor) -> Tensor:
        x = x + torch.addmm(layer.out[1], mixed.transpose(0, 1).flatten(1), layer.out[0])
        normal = functional.layer_norm(x, layer.norm2[0].shape, *layer.norm2)
        inner = functional.gelu(torch.addmm(layer.wide[1], normal, layer.wide[0]), approximate="tanh")
        return x + torch.addmm(layer.narrow[1], inner, layer.narrow[0])

    @torch.inference_mode()
    def _record(self) -> torch.cuda.CUDAGraph:
        self._knobs.fill_(1.0)
        self._kept.fill_(1)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self._step()
        torch.cuda.current_stream().wait_stream(side)
        self._spoken.zero_()
        self._place.zero_()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._step()
        return graph


def _layer(block: torch.nn.Module, precision: torch.dtype) -> _Layer:
    return _Layer(
        _pair(block.ln_1, precision),
        _pair(block.attn.c_attn, precision),
        _pair(block.attn.c_proj, precision),
        _pair(block.ln_2, precision),
        _pair(block.mlp.c_fc, precision),
        _pair(block.mlp.c_proj, precision),
    )


def _pair(module: torch.nn.Module, precision: torch.dtype) -> tuple[Tensor, Tensor]:
    return module.weight.detach().to(precision), module.bias.detach().to(precision)
