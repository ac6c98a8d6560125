"""The harmonic source of the decoder, its spectrum, and the way back from a spectrum to sound.

The source is a sum of sine waves at the pitch and its harmonics plus a little noise (the neural source
filter). The noise is drawn once, from a fixed seed, and used again and again: the same sentence is the same
sound every time, in any batch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.engines.kokoro_torch.shape import RATE, Shape

AMPLITUDE = 0.1
VOICED_NOISE = 0.003
UNVOICED_NOISE = AMPLITUDE / 3
VOICED_ABOVE = 10.0
"""Hz; a lower pitch counts as unvoiced."""
NOISE_SECONDS = 10


class HarmonicSource(nn.Module):
    """Pitch curve to excitation, in float32 throughout: phase errors are heard."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.step = shape.half_frame
        self.harmonics = shape.harmonics
        self.l_linear = nn.Linear(shape.harmonics, 1)
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(NOISE_SECONDS * RATE, generator=generator)
        self.register_buffer("noise", noise, persistent=False)

    def forward(self, pitch: Tensor, mask: Tensor) -> Tensor:
        """``pitch`` [batch, n] in Hz, zero where ``mask`` is, to [batch, n * step] samples."""
        cycles, voiced = self._cycles(pitch, mask)
        weight = self.l_linear.weight[0].float()
        tone = torch.zeros_like(cycles)
        for harmonic in range(self.harmonics):
            tone = torch.addcmul(tone, torch.sin(cycles * (2 * math.pi * (harmonic + 1))), weight[harmonic])
        # Independent noise on every harmonic, summed with the same weights, is noise of this strength.
        strength = torch.where(voiced, VOICED_NOISE, UNVOICED_NOISE) * weight.norm()
        samples = cycles.shape[1]
        noise = self.noise.repeat(-(-samples // len(self.noise)))[:samples]
        excitation = torch.tanh(tone * (AMPLITUDE * voiced) + strength * noise + self.l_linear.bias.float())
        return excitation * mask.repeat_interleave(self.step, dim=1)

    def _cycles(self, pitch: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Phase of the fundamental at every sample, in cycles, and where there is voice.

        The phase is known in the middle of each step and linear between; it stands still before the first
        middle and after the last. Only parts of a turn are summed, so that it stays exact in long pieces.
        """
        pitch = pitch.float()
        turns = (pitch / RATE) % 1 * self.step * mask
        middle = (turns % 1).cumsum(dim=1)
        offset = (torch.arange(self.step, device=pitch.device) + 0.5) / self.step - 0.5
        base = (middle % 1)[:, :, None]
        ahead = functional.pad(turns[:, 1:], (0, 1))[:, :, None] * offset.clamp_min(0)
        behind = functional.pad(turns[:, 1:], (1, 0))[:, :, None] * offset.clamp_max(0)
        cycles = (base + ahead + behind).flatten(1)
        voiced = (pitch > VOICED_ABOVE).repeat_interleave(self.step, dim=1)
        return cycles, voiced


class Spectrum(nn.Module):
    """Short-time Fourier transform and its inverse as convolutions with fixed kernels.

    Equal to ``torch.stft`` and ``torch.istft`` with a centred Hann window, but each row of a batch ends,
    and is reflected, at its own length.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.size, self.hop = shape.window, shape.hop
        half = self.size // 2
        window = torch.hann_window(self.size, dtype=torch.float64)
        angle = 2 * math.pi * torch.outer(torch.arange(half + 1), torch.arange(self.size)).double() / self.size
        forward = torch.cat([angle.cos() * window, -angle.sin()[1:-1] * window])
        share = torch.full((half + 1, 1), 2.0, dtype=torch.float64)
        share[0] = share[-1] = 1.0
        inverse = torch.cat([angle.cos() * share, -angle.sin() * share]) * window / self.size
        self.register_buffer("analysis", forward[:, None].float(), persistent=False)
        self.register_buffer("synthesis", inverse[:, None].float(), persistent=False)
        self.register_buffer("envelope", window.square()[None, None].float(), persistent=False)

    def forward(self, samples: Tensor, count: Tensor) -> Tensor:
        """Magnitudes, then phases: [batch, time] to [batch, size + 2, time / hop + 1]."""
        pad = self.size // 2
        places = torch.arange(-pad, samples.shape[1] + pad, device=samples.device).abs()[None]
        last = count[:, None] - 1
        places = torch.where(places > last, 2 * last - places, places).clamp_min(0)
        parts = functional.conv1d(samples.gather(1, places)[:, None], self.analysis, stride=self.hop)
        real, imaginary = parts.split([pad + 1, pad - 1], dim=1)
        # The outermost two have no imaginary part. It must be +0: a rounding error of either sign there would
        # turn their phase from pi to -pi, which the model was not trained on.
        imaginary = functional.pad(imaginary, (0, 0, 1, 1))
        return torch.cat([torch.hypot(real, imaginary), torch.atan2(imaginary, real)], dim=1)

    def inverse(self, magnitude: Tensor, phase: Tensor, mask: Tensor) -> Tensor:
        """Sound of [batch, size / 2 + 1, frames]; frames count where ``mask`` [batch, 1, frames] is one."""
        magnitude = magnitude * mask
        parts = torch.cat([magnitude * phase.cos(), magnitude * phase.sin()], dim=1)
        sound = functional.conv_transpose1d(parts, self.synthesis, stride=self.hop)
        weight = functional.conv_transpose1d(mask, self.envelope, stride=self.hop)
        pad = self.size // 2
        return (sound / weight.clamp_min(1e-8))[:, 0, pad:-pad]
