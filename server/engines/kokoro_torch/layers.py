"""The layers Kokoro is built from, each exact for a padded batch.

Every time axis carries a mask of ones and zeros, shape [batch, 1, time]. A layer may read only what lies
under the ones and must leave zeros elsewhere, which is what a convolution's own padding would have been:
so a sentence sounds the same whichever batch it travels in.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

CLOSED_GATE = -1e4
"""Bias on an input gate that keeps a cell at exactly zero, within the range of half precision."""


def mask_of(lengths: Tensor, size: int, dtype: torch.dtype) -> Tensor:
    """Ones for the first ``lengths`` positions of ``size``, shape [batch, 1, size]."""
    positions = torch.arange(size, device=lengths.device)
    return (positions[None, :] < lengths[:, None])[:, None, :].to(dtype)


class MaskedLSTM(nn.LSTM):
    """A bidirectional LSTM over padded sequences of any length, in shapes that do not depend on the lengths.

    The backward direction meets the padding first. One more input channel marks it and closes the input
    gates there, so the cell enters the sentence at exactly zero. Packing the sequences instead would need
    their lengths on the host and could not be captured in a CUDA graph.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__(inputs + 1, hidden, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """``x`` [batch, channels, time] to [batch, 2 * hidden, time]."""
        inputs = torch.cat([x, 1 - mask.to(x.dtype)], dim=1).transpose(1, 2)
        out, _ = super().forward(inputs)
        return out.transpose(1, 2) * mask.to(x.dtype)

    def _load_from_state_dict(self, state_dict, prefix, *args):  # type: ignore[no-untyped-def]
        # The checkpoint knows nothing of the marking channel: add its column to the input weights.
        for suffix in ("", "_reverse"):
            key = f"{prefix}weight_ih_l0{suffix}"
            weight = state_dict.get(key)
            if weight is not None and weight.shape[1] == self.input_size - 1:
                column = weight.new_zeros(weight.shape[0], 1)
                column[: self.hidden_size] = CLOSED_GATE
                state_dict[key] = torch.cat([weight, column], dim=1)
        super()._load_from_state_dict(state_dict, prefix, *args)


class AdaptiveNorm(nn.Module):
    """Instance normalisation over the unpadded time, scaled and shifted by the style (AdaIN)."""

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.fc = nn.Linear(style, 2 * channels)

    def scale_and_shift(self, x: Tensor, style: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
        """The two factors, [batch, channels, 1] in float32, that normalise ``x``, which is zero where padded.

        ``count`` is the number of unpadded steps, [batch, 1]. Sums are taken in float32 whatever ``x`` is.
        """
        gamma, beta = self.fc(style).float().chunk(2, dim=1)
        mean = x.sum(dim=-1, dtype=torch.float32) / count
        squares = torch.linalg.vector_norm(x, dim=-1, dtype=torch.float32).square() / count
        variance = (squares - mean.square()).clamp_min(0.0)
        scale = (1 + gamma) * torch.rsqrt(variance + 1e-5)
        return scale[..., None], (beta - mean * scale)[..., None]

    def forward(self, x: Tensor, style: Tensor, count: Tensor) -> Tensor:
        """Not masked: the caller's activation follows first."""
        scale, shift = self.scale_and_shift(x, style, count)
        return torch.addcmul(shift.to(x.dtype), x, scale.to(x.dtype))


class AdaptiveLayerNorm(nn.Module):
    """Layer normalisation over the channels, scaled and shifted by the style."""

    def __init__(self, style: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.fc = nn.Linear(style, 2 * channels)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        gamma, beta = self.fc(style)[:, None, :].chunk(2, dim=-1)
        normal = functional.layer_norm(x.transpose(1, 2), (self.channels,), eps=1e-5)
        return ((1 + gamma) * normal + beta).transpose(1, 2)


class StyleBlock(nn.Module):
    """Two convolutions with adaptive norms and a shortcut; doubles the time axis if ``upsample``."""

    def __init__(self, inputs: int, outputs: int, style: int, *, upsample: bool = False) -> None:
        super().__init__()
        self.upsample = upsample
        self.norm1 = AdaptiveNorm(style, inputs)
        self.norm2 = AdaptiveNorm(style, outputs)
        self.conv1 = nn.Conv1d(inputs, outputs, 3, padding=1)
        self.conv2 = nn.Conv1d(outputs, outputs, 3, padding=1)
        if upsample:
            self.pool = nn.ConvTranspose1d(inputs, inputs, 3, 2, padding=1, output_padding=1, groups=inputs)
        if inputs != outputs:
            self.conv1x1 = nn.Conv1d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor, style: Tensor, mask: Tensor, count: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The result with its own mask and count, which are twice as long after upsampling."""
        residual = functional.leaky_relu(self.norm1(x, style, count), 0.2) * mask
        if self.upsample:
            x = x.repeat_interleave(2, dim=-1)
            mask = mask.repeat_interleave(2, dim=-1)
            count = count * 2
            residual = self.pool(residual) * mask
        residual = self.conv1(residual) * mask
        residual = functional.leaky_relu(self.norm2(residual, style, count), 0.2) * mask
        residual = self.conv2(residual)
        shortcut = self.conv1x1(x) if hasattr(self, "conv1x1") else x
        return (residual + shortcut) * math.sqrt(0.5) * mask, mask, count


class SnakeBlock(nn.Module):
    """Three pairs of dilated convolutions behind adaptive norms and snake activations."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...], style: int) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=d, padding=(kernel - 1) * d // 2) for d in dilations
        )
        self.convs2 = nn.ModuleList(nn.Conv1d(channels, channels, kernel, padding=(kernel - 1) // 2) for _ in dilations)
        self.adain1 = nn.ModuleList(AdaptiveNorm(style, channels) for _ in dilations)
        self.adain2 = nn.ModuleList(AdaptiveNorm(style, channels) for _ in dilations)
        self.alpha1 = nn.ParameterList(torch.ones(1, channels, 1) for _ in dilations)
        self.alpha2 = nn.ParameterList(torch.ones(1, channels, 1) for _ in dilations)

    def forward(self, x: Tensor, style: Tensor, mask: Tensor, count: Tensor) -> Tensor:
        for i in range(len(self.convs1)):
            y = _snake(self.adain1[i], self.alpha1[i], x, style, mask, count)
            y = self.convs1[i](y) * mask
            y = _snake(self.adain2[i], self.alpha2[i], y, style, mask, count)
            x = torch.addcmul(x, self.convs2[i](y), mask)
        return x


def _snake(norm: nn.Module, alpha: Tensor, x: Tensor, style: Tensor, mask: Tensor, count: Tensor) -> Tensor:
    """The norm, then ``y + sin(alpha y)^2 / alpha``.

    Not by way of a cosine, although that saves a pass: some alphas are 1e-4, and 1 / alpha would swallow y.
    """
    y = norm(x, style, count)
    alpha = alpha.to(y.dtype)
    wave = (y * alpha).sin_()
    return torch.addcmul(y, wave / alpha, wave).mul_(mask)
