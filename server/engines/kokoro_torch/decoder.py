"""The iSTFTNet decoder: aligned phonemes, pitch and energy to sound."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from server.engines.kokoro_torch.layers import SnakeBlock, StyleBlock, mask_of
from server.engines.kokoro_torch.shape import Shape
from server.engines.kokoro_torch.source import HarmonicSource, Spectrum


class Decoder(nn.Module):
    """Style blocks at frame rate, then the generator."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        inner, style = shape.decoder, shape.style
        wide = inner + 2 + shape.residual
        self.encode = StyleBlock(shape.hidden + 2, inner, style)
        self.decode = nn.ModuleList(
            [
                StyleBlock(wide, inner, style),
                StyleBlock(wide, inner, style),
                StyleBlock(wide, inner, style),
                StyleBlock(wide, shape.decoder_out, style, upsample=True),
            ]
        )
        self.F0_conv = nn.Conv1d(1, 1, 3, stride=2, padding=1)
        self.N_conv = nn.Conv1d(1, 1, 3, stride=2, padding=1)
        self.asr_res = nn.ModuleList([nn.Conv1d(shape.hidden, shape.residual, 1)])
        self.generator = Generator(shape)

    def forward(self, aligned: Tensor, pitch: Tensor, energy: Tensor, style: Tensor, frames: Tensor) -> Tensor:
        """``aligned`` [batch, hidden, time], ``frames`` [batch] to samples [batch, time * frame]."""
        dtype = aligned.dtype
        mask = mask_of(frames, aligned.shape[-1], dtype)
        count = frames.float()[:, None]
        curves = (
            torch.cat([self.F0_conv(pitch[:, None].to(dtype)), self.N_conv(energy[:, None].to(dtype))], dim=1) * mask
        )
        x, _, _ = self.encode(torch.cat([aligned, curves], dim=1), style, mask, count)
        extra = torch.cat([self.asr_res[0](aligned) * mask, curves], dim=1)
        for block in self.decode:
            x, after, after_count = block(torch.cat([x, extra], dim=1), style, mask, count)
        return self.generator(x, style, pitch, after, after_count)


class Generator(nn.Module):
    """Upsamples to a short spectrum of every few samples, led by the harmonic source."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.rates = shape.rates
        self.bins = shape.window // 2 + 1
        self.blocks_per_rate = len(shape.block_kernels)
        self.m_source = HarmonicSource(shape)
        self.spectrum = Spectrum(shape)
        self.ups = nn.ModuleList()
        self.noise_convs = nn.ModuleList()
        self.noise_res = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        inputs = shape.window + 2
        for i, (rate, kernel) in enumerate(zip(shape.rates, shape.kernels, strict=True)):
            channels = shape.decoder_out // 2 ** (i + 1)
            self.ups.append(nn.ConvTranspose1d(channels * 2, channels, kernel, rate, padding=(kernel - rate) // 2))
            stride = math.prod(shape.rates[i + 1 :])
            last = i + 1 == len(shape.rates)
            self.noise_convs.append(
                nn.Conv1d(inputs, channels, 1)
                if last
                else nn.Conv1d(inputs, channels, 2 * stride, stride, padding=(stride + 1) // 2)
            )
            self.noise_res.append(SnakeBlock(channels, 11 if last else 7, shape.dilations, shape.style))
            for size in shape.block_kernels:
                self.resblocks.append(SnakeBlock(channels, size, shape.dilations, shape.style))
        self.conv_post = nn.Conv1d(channels, inputs, 7, padding=3)

    def forward(self, x: Tensor, style: Tensor, pitch: Tensor, mask: Tensor, count: Tensor) -> Tensor:
        dtype = x.dtype
        step = self.m_source.step
        excitation = self.m_source(pitch, mask[:, 0].float())
        lengths = count[:, 0].long()
        spectrum = self.spectrum(excitation, lengths * step).to(dtype)
        spectrum_mask = mask_of(lengths * step // self.spectrum.hop + 1, spectrum.shape[-1], dtype)
        spectrum = spectrum * spectrum_mask
        for i, rate in enumerate(self.rates):
            lengths = lengths * rate
            last = i + 1 == len(self.rates)
            x = self.ups[i](functional.leaky_relu(x, 0.1))
            if last:  # one spectrum more than hops: the first value is mirrored to the front
                x = torch.cat([x[..., 1:2], x], dim=-1)
                lengths = lengths + 1
            mask = mask_of(lengths, x.shape[-1], dtype)
            count = lengths.float()[:, None]
            source = self.noise_res[i](self.noise_convs[i](spectrum) * mask, style, mask, count)
            x = x * mask + source
            blocks = self.resblocks[i * self.blocks_per_rate : (i + 1) * self.blocks_per_rate]
            total = blocks[0](x, style, mask, count)
            for block in blocks[1:]:
                total = total + block(x, style, mask, count)
            x = total / self.blocks_per_rate
        x = self.conv_post(functional.leaky_relu(x)).float()
        magnitude = x[:, : self.bins].exp()
        return self.spectrum.inverse(magnitude, x[:, self.bins :].sin(), mask.float())
