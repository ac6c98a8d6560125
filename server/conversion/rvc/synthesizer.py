"""The RVC synthesizer: features and pitch to speech in the voice it was trained on.

Everything random or cumulative in it is tied to the place in the stream, not to the window: the noise comes
from a fixed table and the sine's phase is handed over. So two windows that overlap say the same thing where
they do, and can be faded into each other without a seam.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.conversion.rvc.encoder import FeatureEncoder
from server.conversion.rvc.flow import Flow
from server.conversion.rvc.shape import RvcShape

LATENT_NOISE = 0.66666
SINE, VOICED_NOISE = 0.1, 0.003
NOISE_FRAMES = 1000
"""Length of the tables of noise; ten seconds later they begin again, which nobody hears."""


class Synthesizer(nn.Module):
    """Parameters carry the names of RVC's checkpoints, weight norms folded."""

    def __init__(self, shape: RvcShape) -> None:
        super().__init__()
        self.shape = shape
        self.enc_p = FeatureEncoder(shape)
        self.flow = Flow(shape)
        self.dec = _Voice(shape)
        self.emb_g = nn.Embedding(shape.speakers, shape.speaker_size)
        generator = torch.Generator().manual_seed(0)
        table = torch.randn(shape.inter, NOISE_FRAMES, generator=generator)
        self.register_buffer("latent_noise", table, persistent=False)

    def forward(
        self, features: Tensor, classes: Tensor | None, pitch: Tensor | None, first: int, phase: float
    ) -> tuple[Tensor, Tensor]:
        """Samples [time * hop] and the sine's phase, in turns, at the end of each frame.

        ``features`` [1, time, channels]; ``classes`` and ``pitch`` (Hz) [1, time], None for a model without
        pitch; ``first`` is the number of the first frame in the stream, ``phase`` the sine's at its beginning.
        """
        speaker = self.emb_g(torch.zeros(1, dtype=torch.long, device=features.device))[:, :, None]
        mean, log_deviation = self.enc_p(features, classes)
        places = (torch.arange(mean.shape[-1], device=mean.device) + first) % NOISE_FRAMES
        noise = self.latent_noise[:, places][None]
        latent = self.flow.reverse(mean + log_deviation.exp() * noise * LATENT_NOISE, speaker)
        return self.dec(latent, pitch, speaker, first, phase)


class _Voice(nn.Module):
    """The decoder: HiFi-GAN, led by a sine at the pitch where the model has one."""

    def __init__(self, shape: RvcShape) -> None:
        super().__init__()
        self.rate, self.hop, self.kernels = shape.rate, shape.hop, len(shape.block_kernels)
        channels = shape.up_channels
        self.conv_pre = nn.Conv1d(shape.inter, channels, 7, padding=3)
        self.cond = nn.Conv1d(shape.speaker_size, channels, 1)
        self.ups, self.resblocks, self.noise_convs = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        if shape.has_pitch:
            self.m_source = nn.Module()
            self.m_source.l_linear = nn.Linear(1, 1)
            generator = torch.Generator().manual_seed(1)
            noise = torch.randn(NOISE_FRAMES * shape.hop, generator=generator)
            self.register_buffer("noise", noise, persistent=False)
        for i, (up, kernel) in enumerate(zip(shape.up_rates, shape.up_kernels, strict=True)):
            size = channels // 2 ** (i + 1)
            self.ups.append(nn.ConvTranspose1d(2 * size, size, kernel, up, padding=(kernel - up) // 2))
            if shape.has_pitch:
                stride = math.prod(shape.up_rates[i + 1 :])
                self.noise_convs.append(
                    nn.Conv1d(1, size, 2 * stride, stride, padding=stride // 2)
                    if i + 1 < len(shape.up_rates)
                    else nn.Conv1d(1, size, 1)
                )
            for block_kernel, dilations in zip(shape.block_kernels, shape.block_dilations, strict=True):
                self.resblocks.append(_Block(size, block_kernel, dilations))
        self.conv_post = nn.Conv1d(size, 1, 7, padding=3, bias=False)

    def forward(
        self, x: Tensor, pitch: Tensor | None, speaker: Tensor, first: int, phase: float
    ) -> tuple[Tensor, Tensor]:
        source, phases = None, torch.zeros(x.shape[-1], device=x.device)
        if pitch is not None:
            source, phases = self._source(pitch[0], first, phase)
            source = source.to(x.dtype)
        x = self.conv_pre(x) + self.cond(speaker)
        for i, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, 0.1))
            if source is not None:
                x = x + self.noise_convs[i](source)
            blocks = self.resblocks[i * self.kernels : (i + 1) * self.kernels]
            x = sum(block(x) for block in blocks) / self.kernels
        x = torch.tanh(self.conv_post(functional.leaky_relu(x)))
        return x[0, 0].float(), phases

    def _source(self, pitch: Tensor, first: int, phase: float) -> tuple[Tensor, Tensor]:
        """The sine at the pitch, silent and noisy where there is none, [1, 1, time * hop]."""
        turns = pitch.float() / self.rate
        ends = ((turns * self.hop) % 1).cumsum(0) + phase
        begins = functional.pad(ends[:-1], (1, 0), value=phase)
        steps = torch.arange(1, self.hop + 1, device=pitch.device)
        cycles = (begins % 1)[:, None] + turns[:, None] * steps
        voiced = (pitch > 0).float()[:, None]
        frames = (torch.arange(len(pitch), device=pitch.device) + first) % NOISE_FRAMES
        noise = self.noise.view(NOISE_FRAMES, self.hop)[frames]
        strength = voiced * VOICED_NOISE + (1 - voiced) * (SINE / 3)
        sound = torch.sin(cycles * (2 * math.pi)) * SINE * voiced + noise * strength
        line = self.m_source.l_linear
        merged = torch.tanh(sound.flatten() * line.weight.float()[0, 0] + line.bias.float()[0])
        return merged[None, None], ends % 1


class _Block(nn.Module):
    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=d, padding=(kernel - 1) * d // 2) for d in dilations
        )
        self.convs2 = nn.ModuleList(nn.Conv1d(channels, channels, kernel, padding=(kernel - 1) // 2) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for first, second in zip(self.convs1, self.convs2, strict=True):
            y = first(functional.leaky_relu(x, 0.1))
            x = x + second(functional.leaky_relu(y, 0.1))
        return x
