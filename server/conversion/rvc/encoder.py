"""The text encoder of an RVC synthesizer: a transformer that knows how far apart two frames are."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.conversion.rvc.shape import RvcShape

WINDOW = 10
"""Distances beyond this many frames are all alike."""


class FeatureEncoder(nn.Module):
    """Features [1, time, channels] and pitch classes [1, time] to means and log deviations of latents."""

    def __init__(self, shape: RvcShape) -> None:
        super().__init__()
        self.scale = math.sqrt(shape.hidden)
        self.emb_phone = nn.Linear(shape.features, shape.hidden)
        if shape.has_pitch:
            self.emb_pitch = nn.Embedding(256, shape.hidden)
        self.encoder = _Transformer(shape)
        self.proj = nn.Conv1d(shape.hidden, 2 * shape.inter, 1)

    def forward(self, features: Tensor, pitch: Tensor | None) -> tuple[Tensor, Tensor]:
        x = self.emb_phone(features)
        if pitch is not None:
            x = x + self.emb_pitch(pitch)
        x = functional.leaky_relu(x * self.scale, 0.1).transpose(1, 2)
        mean, log_deviation = self.proj(self.encoder(x)).chunk(2, dim=1)
        return mean, log_deviation


class _Transformer(nn.Module):
    def __init__(self, shape: RvcShape) -> None:
        super().__init__()
        count, width = shape.layers, shape.hidden
        self.attn_layers = nn.ModuleList(_Attention(width, shape.heads) for _ in range(count))
        self.norm_layers_1 = nn.ModuleList(ChannelNorm(width) for _ in range(count))
        self.ffn_layers = nn.ModuleList(_Inner(width, shape.filter, shape.kernel) for _ in range(count))
        self.norm_layers_2 = nn.ModuleList(ChannelNorm(width) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        for attention, norm1, inner, norm2 in zip(
            self.attn_layers, self.norm_layers_1, self.ffn_layers, self.norm_layers_2, strict=True
        ):
            x = norm1(x + attention(x))
            x = norm2(x + inner(x))
        return x


class ChannelNorm(nn.Module):
    """Layer normalisation over channels, with the checkpoint's names."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        normal = functional.layer_norm(x.transpose(1, 2), self.gamma.shape, self.gamma, self.beta, 1e-5)
        return normal.transpose(1, 2)


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.conv_q = nn.Conv1d(width, width, 1)
        self.conv_k = nn.Conv1d(width, width, 1)
        self.conv_v = nn.Conv1d(width, width, 1)
        self.conv_o = nn.Conv1d(width, width, 1)
        self.emb_rel_k = nn.Parameter(torch.randn(1, 2 * WINDOW + 1, self.size) * self.size**-0.5)
        self.emb_rel_v = nn.Parameter(torch.randn(1, 2 * WINDOW + 1, self.size) * self.size**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            conv(x).unflatten(1, (self.heads, self.size)).transpose(2, 3)
            for conv in (self.conv_q, self.conv_k, self.conv_v)
        )
        q = q / math.sqrt(self.size)
        time = x.shape[-1]
        apart = torch.arange(time, device=x.device)
        apart = apart[None, :] - apart[:, None]  # [i, j]: how far j lies behind i
        near = (apart.abs() <= WINDOW).to(x.dtype)
        place = (apart.clamp(-WINDOW, WINDOW) + WINDOW).expand(1, self.heads, time, time)
        scores = q @ k.transpose(2, 3)
        scores = scores + (q @ self.emb_rel_k.transpose(1, 2)).gather(3, place) * near
        shares = scores.softmax(dim=-1)
        by_distance = torch.zeros(1, self.heads, time, 2 * WINDOW + 1, dtype=x.dtype, device=x.device)
        by_distance = by_distance.scatter_add(3, place, shares * near)
        mixed = shares @ v + by_distance @ self.emb_rel_v
        return self.conv_o(mixed.transpose(2, 3).flatten(1, 2))


class _Inner(nn.Module):
    def __init__(self, width: int, inner: int, kernel: int) -> None:
        super().__init__()
        self.pads = ((kernel - 1) // 2, kernel // 2)
        self.conv_1 = nn.Conv1d(width, inner, kernel)
        self.conv_2 = nn.Conv1d(inner, width, kernel)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.conv_1(functional.pad(x, self.pads)))
        return self.conv_2(functional.pad(x, self.pads))
