"""Pitch without a model (YIN, de Cheveigné and Kawahara 2002), and pitch as the synthesizer's classes."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from server.conversion.rvc.shape import FRAMES, HEARING_RATE

LOWEST, HIGHEST = 50.0, 1100.0
"""Hz; what RVC models were trained on."""
_THRESHOLD = 0.2
"""A frame that repeats itself worse than this is unvoiced."""
_SILENCE = 1e-4
"""Mean square below which nothing is heard."""


def yin(sound: Tensor) -> Tensor:
    """16 kHz ``sound`` [samples] to [samples / 160 + 1] in Hz, 0 where unvoiced."""
    hop = HEARING_RATE // FRAMES
    longest = int(HEARING_RATE / LOWEST)
    shortest = int(HEARING_RATE / HIGHEST)
    span = 2 * longest
    padded = functional.pad(sound, (span // 2, span // 2 + longest))
    windows = padded.unfold(0, span + longest, hop)[: len(sound) // hop + 1]
    base = windows[:, :span]
    size = 1 << (2 * span + longest - 1).bit_length()
    product = torch.fft.rfft(windows, size) * torch.fft.rfft(base, size).conj()
    correlation = torch.fft.irfft(product, size)[:, : longest + 1]
    energy = functional.pad(windows.square().cumsum(1), (1, 0))
    shifted = energy[:, span : span + longest + 1] - energy[:, : longest + 1]
    difference = (shifted[:, :1] + shifted - 2 * correlation).clamp_min(0)
    lags = torch.arange(1, longest + 1, device=sound.device)
    normal = difference[:, 1:] * lags / difference[:, 1:].cumsum(1).clamp_min(1e-9)
    normal[:, : shortest - 1] = 1.0
    # The first dip below the threshold, at its bottom; the deepest where there is none.
    below = normal < _THRESHOLD
    rising = functional.pad(normal[:, 1:] >= normal[:, :-1], (0, 1), value=True)
    candidate = (below & rising).int()
    best = torch.where(candidate.any(1), candidate.argmax(1), normal.argmin(1))
    voiced = (normal.gather(1, best[:, None])[:, 0] < _THRESHOLD) & (shifted[:, 0] / span > _SILENCE)
    return torch.where(voiced, HEARING_RATE / (1 + _refined(normal, best)), 0.0)


def classes_of(pitch: Tensor) -> Tensor:
    """Hz to the synthesizer's 255 classes on a mel scale; unvoiced is 1."""
    low, high = (1127 * math.log(1 + hertz / 700) for hertz in (LOWEST, HIGHEST))
    mel = 1127 * torch.log(1 + pitch / 700)
    scaled = (mel - low) * 254 / (high - low) + 1
    return scaled.round().clamp(1, 255).long()


def _refined(curve: Tensor, at: Tensor) -> Tensor:
    """The bottom of the parabola through a dip and its neighbours."""
    inside = at.clamp(1, curve.shape[1] - 2)
    left, middle, right = (curve.gather(1, (inside + step)[:, None])[:, 0] for step in (-1, 0, 1))
    bend = left - 2 * middle + right
    shift = torch.where(bend > 1e-9, 0.5 * (left - right) / bend.clamp_min(1e-9), torch.zeros_like(bend))
    return inside + shift.clamp(-1, 1)
