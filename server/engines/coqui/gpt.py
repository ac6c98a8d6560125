"""The weights of XTTS's GPT as our loops read them, taken out of the library's modules."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Pair = tuple[Tensor, Tensor]
"""Weight and bias."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One transformer block; matrices as GPT-2 stores them, [inputs, outputs]."""

    norm1: Pair
    into: Pair
    out: Pair
    norm2: Pair
    wide: Pair
    narrow: Pair

    def attention_inputs(self, x: Tensor, heads: int) -> tuple[Tensor, ...]:
        """Queries, keys and values [rows, heads, size] of ``x`` [rows, width]."""
        normal = functional.layer_norm(x, self.norm1[0].shape, *self.norm1)
        return tuple(part.unflatten(-1, (heads, -1)) for part in _affine(normal, self.into).chunk(3, dim=-1))

    def finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        """The block's output [rows, width]; ``mixed`` [rows, heads, size] is what attention found."""
        x = x + _affine(mixed.flatten(-2), self.out)
        normal = functional.layer_norm(x, self.norm2[0].shape, *self.norm2)
        return x + _affine(functional.gelu(_affine(normal, self.wide), approximate="tanh"), self.narrow)


@dataclass(frozen=True, slots=True)
class Gpt:
    """Everything between a prefix and the next token."""

    layers: tuple[Layer, ...]
    last_norm: Pair
    final_norm: Pair
    head: Pair
    tokens: Tensor
    """Embeddings of audio tokens, [vocabulary, width]."""
    places: Tensor
    """Embeddings of their places, [most, width]."""
    heads: int
    begin: int
    stop: int
    most: int
    """Audio tokens that fit."""
    longest_text: int

    @classmethod
    def taken_from(cls, module: Any, precision: torch.dtype) -> Gpt:
        """Take the weights out of the library's GPT, which cannot run any more: kept twice they would fill a card."""
        layers = tuple(
            Layer(
                *(
                    _pair(part, precision)
                    for part in (
                        *(block.ln_1, block.attn.c_attn, block.attn.c_proj),
                        *(block.ln_2, block.mlp.c_fc, block.mlp.c_proj),
                    )
                )
            )
            for block in module.gpt.h
        )
        module.gpt.h = torch.nn.ModuleList()
        return cls(
            layers=layers,
            last_norm=_pair(module.gpt.ln_f, torch.float32),
            final_norm=_pair(module.final_norm, torch.float32),
            head=_pair(module.mel_head, precision),
            tokens=module.mel_embedding.weight.detach(),
            places=module.mel_pos_embedding.emb.weight.detach(),
            heads=module.heads,
            begin=module.start_audio_token,
            stop=module.stop_audio_token,
            most=module.max_gen_mel_tokens,
            longest_text=module.max_text_tokens,
        )

    @property
    def width(self) -> int:
        """Size of a latent."""
        return self.tokens.shape[1]

    @property
    def precision(self) -> torch.dtype:
        """What the blocks compute in."""
        return self.head[0].dtype

    @property
    def device(self) -> torch.device:
        """Where it lies."""
        return self.tokens.device

    def to(self, device: torch.device) -> Gpt:
        """The same on another device."""
        return _moved(self, device)

    def embedded(self, token: Tensor, spoken: Tensor) -> Tensor:
        """Input [rows, width] of the next step: tokens [rows] at the places ``spoken`` [rows]."""
        places = self.places[spoken.clamp_max(len(self.places) - 1)]
        return (self.tokens[token] + places).to(self.precision)

    def latent_and_scores(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the vocoder is given, [rows, width], and what the next token is drawn from, [rows, vocabulary]."""
        x = functional.layer_norm(x.float(), self.last_norm[0].shape, *self.last_norm)
        latent = functional.layer_norm(x, self.final_norm[0].shape, *self.final_norm)
        return latent, functional.linear(latent.to(self.precision), *self.head).float()


def _affine(x: Tensor, pair: Pair) -> Tensor:
    return torch.addmm(pair[1], x, pair[0])


def _pair(module: torch.nn.Module, precision: torch.dtype) -> Pair:
    return module.weight.detach().to(precision), module.bias.detach().to(precision)


def _moved(value: Any, device: torch.device) -> Any:
    """``value`` with every tensor in it on ``device``."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, tuple):
        return tuple(_moved(item, device) for item in value)
    if isinstance(value, (Gpt, Layer)):
        return type(value)(**{field.name: _moved(getattr(value, field.name), device) for field in fields(value)})
    return value
