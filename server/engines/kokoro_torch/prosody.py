"""From phonemes to how long, how high and how loud: the text encoder and the prosody predictor."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.engines.kokoro_torch.layers import AdaptiveLayerNorm, MaskedLSTM, StyleBlock
from server.engines.kokoro_torch.shape import Shape


class TextEncoder(nn.Module):
    """Phoneme ids to what the decoder will say, [batch, hidden, time]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.embedding = nn.Embedding(shape.tokens, shape.hidden)
        self.cnn = nn.ModuleList(
            nn.ModuleList(
                [nn.Conv1d(shape.hidden, shape.hidden, shape.kernel, padding=shape.kernel // 2), _Norm(shape)]
            )
            for _ in range(shape.layers)
        )
        self.lstm = MaskedLSTM(shape.hidden, shape.hidden // 2)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.embedding(tokens).transpose(1, 2) * mask
        for conv, norm in self.cnn:
            x = functional.leaky_relu(norm(conv(x)), 0.2) * mask
        return self.lstm(x, mask)


class _Norm(nn.Module):
    """Layer normalisation over channels, with the checkpoint's names."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(shape.hidden))
        self.beta = nn.Parameter(torch.zeros(shape.hidden))

    def forward(self, x: Tensor) -> Tensor:
        normal = functional.layer_norm(x.transpose(1, 2), self.gamma.shape, self.gamma, self.beta, 1e-5)
        return normal.transpose(1, 2)


class ProsodyPredictor(nn.Module):
    """Durations from the contexts of PL-BERT; pitch and energy from their stretched form."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width, style = shape.hidden, shape.style
        self.text_encoder = nn.Module()
        self.text_encoder.lstms = nn.ModuleList(
            module
            for _ in range(shape.layers)
            for module in (MaskedLSTM(width + style, width // 2), AdaptiveLayerNorm(style, width))
        )
        self.lstm = MaskedLSTM(width + style, width // 2)
        self.duration_proj = nn.Module()
        self.duration_proj.linear_layer = nn.Linear(width, shape.longest)
        self.shared = MaskedLSTM(width + style, width // 2)
        self.F0 = _curve(width, style)
        self.N = _curve(width, style)
        self.F0_proj = nn.Conv1d(width // 2, 1, 1)
        self.N_proj = nn.Conv1d(width // 2, 1, 1)

    def encode(self, contexts: Tensor, style: Tensor, mask: Tensor) -> Tensor:
        """Contexts [batch, hidden, time] with the style worked in, [batch, hidden + style, time]."""
        spread = style[:, :, None] * mask
        x = torch.cat([contexts * mask, spread], dim=1)
        lstms = self.text_encoder.lstms
        for i in range(0, len(lstms), 2):
            x = lstms[i + 1](lstms[i](x, mask), style) * mask
            x = torch.cat([x, spread], dim=1)
        return x

    def durations(self, encoded: Tensor, mask: Tensor, speed: Tensor) -> Tensor:
        """Frames of each phoneme, whole numbers, at least 1 and 0 where padded: [batch, time]."""
        logits = self.duration_proj.linear_layer(self.lstm(encoded, mask).transpose(1, 2))
        frames = torch.sigmoid(logits.float()).sum(dim=-1) / speed[:, None]
        return frames.round().clamp_min(1).long() * mask[:, 0].long()

    def curves(self, stretched: Tensor, style: Tensor, mask: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """Pitch in Hz and energy, two values per frame: [batch, 2 * frames] each."""
        shared = self.shared(stretched, mask)
        out = []
        for blocks, project in ((self.F0, self.F0_proj), (self.N, self.N_proj)):
            x, m, n = shared, mask, count
            for block in blocks:
                x, m, n = block(x, style, m, n)
            out.append((project(x) * m)[:, 0])
        return out[0], out[1]


def _curve(width: int, style: int) -> nn.ModuleList:
    half = width // 2
    return nn.ModuleList(
        [
            StyleBlock(width, width, style),
            StyleBlock(width, half, style, upsample=True),
            StyleBlock(half, half, style),
        ]
    )
