"""A small Kokoro on torch with random weights, and sentences for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from server.engines.kokoro_torch.batch import Spoken, Utterance
from server.engines.kokoro_torch.layers import MaskedLSTM
from server.engines.kokoro_torch.model import Kokoro
from server.engines.kokoro_torch.shape import Shape
from server.engines.kokoro_torch.speaker import Speaker
from server.errors import SpeechError

SMALL = Shape(
    hidden=16, style=8, layers=1, bert_embedding=8, bert_hidden=16, bert_inner=16, bert_heads=2, bert_layers=2,
    decoder=16, decoder_out=16, residual=4, block_kernels=(3, 5), dilations=(1, 3),
)  # fmt: skip


def small_model(seed: int = 0) -> Kokoro:
    """A random model whose phonemes last one to some ten frames."""
    torch.manual_seed(seed)
    model = Kokoro(SMALL)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
        model.predictor.duration_proj.linear_layer.bias.fill_(-2.5)
        model.predictor.F0_proj.bias.fill_(150.0)
        for module in model.modules():
            if isinstance(module, MaskedLSTM):
                for name in ("weight_ih_l0", "weight_ih_l0_reverse"):
                    column = getattr(module, name)[:, -1]
                    column.zero_()
                    column[: module.hidden_size] = -1e4
    return model


def speaker(**options: Any) -> Speaker:
    """The model as the engine has it speak."""
    return Speaker(small_model(), torch.device("cpu"), torch.float32, **options)


def sentence(length: int, seed: int = 0, **more: Any) -> Utterance:
    """Random tokens in a random voice."""
    random = np.random.default_rng(1000 * length + seed)
    tokens = (0, *random.integers(1, SMALL.tokens, length - 2).tolist(), 0)
    return Utterance(tokens, random.normal(size=2 * SMALL.style).astype(np.float32), **more)


def sounds(items: Iterator[tuple[int, Spoken | SpeechError]]) -> dict[int, Spoken]:
    """By place, none of them an error."""
    found = {}
    for place, item in items:
        assert isinstance(item, Spoken)
        found[place] = item
    return found
