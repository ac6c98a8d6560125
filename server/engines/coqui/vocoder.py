"""XTTS's vocoder on a growing sentence: each chunk is made once, with a little context, not all from the start."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

BEHIND, AHEAD = 16, 16
"""Frames of context before and after: the network sees 13 to each side, 3 by its first layer and 8 by its slowest."""


class StreamingVocoder:
    """One sentence: ``add`` latents as they come, ``finish`` for the rest. ``decoder`` is the library's."""

    def __init__(self, decoder: torch.nn.Module, speaker: Tensor, speed: float) -> None:
        self._decoder, self._speaker, self._stretch = decoder, speaker, 1 / speed
        self._latents: list[Tensor] = []
        self._done = 0
        """Frames whose sound was given out."""

    def add(self, latents: Tensor) -> Tensor:
        """Sound that later latents will not change, perhaps none; ``latents`` is [tokens, width]."""
        self._latents.append(latents)
        return self._sound(final=False)

    def finish(self) -> Tensor:
        """The end of the sentence."""
        return self._sound(final=True)

    @torch.inference_mode()
    def _sound(self, *, final: bool) -> Tensor:
        if not self._latents:
            return torch.zeros(0)
        frames = self._frames(torch.cat(self._latents))
        end = frames.shape[-1] if final else frames.shape[-1] - AHEAD
        if end <= self._done:
            return torch.zeros(0)
        begin = max(0, self._done - BEHIND)
        sound = self._decoder.waveform_decoder(frames[..., begin:], g=self._speaker)[0, 0].float()
        hop = sound.shape[-1] // (frames.shape[-1] - begin)
        fresh = sound[(self._done - begin) * hop : (end - begin) * hop]
        self._done = end
        return fresh

    def _frames(self, latents: Tensor) -> Tensor:
        """Latents at the vocoder's own pace; always from the sentence's beginning, so that frames stay in place."""
        x = latents.T[None]
        if self._stretch != 1:
            x = functional.interpolate(x, scale_factor=self._stretch, mode="linear")
        decoder = self._decoder
        x = functional.interpolate(
            x, scale_factor=decoder.ar_mel_length_compression / decoder.output_hop_length, mode="linear"
        )
        if decoder.output_sample_rate != decoder.input_sample_rate:
            x = functional.interpolate(
                x, scale_factor=decoder.output_sample_rate / decoder.input_sample_rate, mode="linear"
            )
        return x
