"""RMVPE: the pitch of a voice out of a mel spectrum (Wei et al. 2023), parameters named as in its file."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.conversion.rvc.shape import HEARING_RATE

MELS, CLASSES, WINDOW, HOP = 128, 360, 1024, 160
LOWEST_CENTS = 1997.3794084376191
"""Cents above 10 Hz of the first class; each class is 20 cents."""
CERTAIN = 0.03
"""A frame whose best class is less likely is unvoiced."""


class Rmvpe(nn.Module):
    """16 kHz sound to Hz, 100 values a second; smaller ``channels`` and fewer ``blocks`` for tests."""

    def __init__(self, channels: int = 16, blocks: int = 4, levels: int = 5, recurrent: int = 256) -> None:
        super().__init__()
        self.levels = levels
        self.unet = _UNet(channels, blocks, levels)
        self.cnn = nn.Conv2d(channels, 3, 3, padding=1)
        gru = nn.Module()
        gru.gru = nn.GRU(3 * MELS, recurrent, batch_first=True, bidirectional=True)
        self.fc = nn.ModuleList([gru, nn.Linear(2 * recurrent, CLASSES)])
        self.register_buffer("bank", _mel_bank(), persistent=False)
        self.register_buffer("window", torch.hann_window(WINDOW), persistent=False)

    def forward(self, sound: Tensor) -> Tensor:
        """``sound`` [samples] to [samples / 160 + 1] in Hz, 0 where unvoiced."""
        spectrum = torch.stft(sound, WINDOW, HOP, window=self.window, return_complex=True).abs()
        mel = (self.bank @ spectrum).clamp_min(1e-5).log()
        frames = mel.shape[1]
        block = 2**self.levels
        mel = functional.pad(mel, (0, -frames % block))
        x = self.cnn(self.unet(mel.T[None, None])).transpose(1, 2).flatten(2)
        x, _ = self.fc[0].gru(x)
        return _pitch_of(torch.sigmoid(self.fc[1](x))[0, :frames])


class _UNet(nn.Module):
    def __init__(self, channels: int, blocks: int, levels: int) -> None:
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.bn = nn.BatchNorm2d(1)
        self.encoder.layers = nn.ModuleList()
        inputs = 1
        for level in range(levels):
            self.encoder.layers.append(_level(inputs, channels << level, blocks))
            inputs = channels << level
        self.intermediate = nn.Module()
        wide = channels << levels
        self.intermediate.layers = nn.ModuleList(_level(inputs if i == 0 else wide, wide, blocks) for i in range(4))
        self.decoder = nn.Module()
        self.decoder.layers = nn.ModuleList(_Up(channels << level, blocks) for level in reversed(range(levels)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder.bn(x)
        skips = []
        for level in self.encoder.layers:
            for block in level.conv:
                x = block(x)
            skips.append(x)
            x = functional.avg_pool2d(x, 2)
        for level in self.intermediate.layers:
            for block in level.conv:
                x = block(x)
        for up, skip in zip(self.decoder.layers, reversed(skips), strict=True):
            x = up(x, skip)
        return x


def _level(inputs: int, outputs: int, blocks: int) -> nn.Module:
    level = nn.Module()
    level.conv = nn.ModuleList(_Residual(inputs if i == 0 else outputs, outputs) for i in range(blocks))
    return level


class _Residual(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )
        if inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + (self.shortcut(x) if hasattr(self, "shortcut") else x)


class _Up(nn.Module):
    def __init__(self, outputs: int, blocks: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(
            nn.ConvTranspose2d(2 * outputs, outputs, 3, 2, padding=1, output_padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
        )
        self.conv2 = nn.ModuleList(_Residual(2 * outputs if i == 0 else outputs, outputs) for i in range(blocks))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = torch.cat([self.conv1(x), skip], dim=1)
        for block in self.conv2:
            x = block(x)
        return x


def _pitch_of(likely: Tensor) -> Tensor:
    """The mean of the classes around the best one, weighted by how likely they are."""
    best = likely.argmax(dim=1, keepdim=True)
    near = best + torch.arange(-4, 5, device=likely.device)
    weights = likely.gather(1, near.clamp(0, CLASSES - 1)) * ((near >= 0) & (near < CLASSES))
    cents = (weights * (near * 20 + LOWEST_CENTS)).sum(dim=1) / weights.sum(dim=1).clamp_min(1e-9)
    voiced = likely.amax(dim=1) > CERTAIN
    return torch.where(voiced, 10 * 2 ** (cents / 1200), 0.0)


def _mel_bank() -> Tensor:
    """Triangles from 30 Hz to 8 kHz on the HTK scale, each of the same area (Slaney's norm)."""

    def mel(hertz: float) -> float:
        return 2595 * math.log10(1 + hertz / 700)

    points = torch.linspace(mel(30), mel(8000), MELS + 2, dtype=torch.float64)
    edges = 700 * (10 ** (points / 2595) - 1)
    bins = torch.linspace(0, HEARING_RATE / 2, WINDOW // 2 + 1, dtype=torch.float64)
    up = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return (torch.minimum(up, down).clamp_min(0) * area[:, None]).float()
