"""Kokoro in two steps with one number between them: durations, then sound.

The first step works on phonemes, the second on frames; how many frames there are is known only after the
first. Cut there, both steps have shapes that can be put into buckets and captured in CUDA graphs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from server.engines.kokoro_torch.albert import Albert
from server.engines.kokoro_torch.decoder import Decoder
from server.engines.kokoro_torch.layers import mask_of
from server.engines.kokoro_torch.prosody import ProsodyPredictor, TextEncoder
from server.engines.kokoro_torch.shape import Shape


@dataclass(frozen=True, slots=True)
class Plan:
    """What the first step hands to the second."""

    durations: Tensor
    """Frames per phoneme id, [batch, time]; 0 where padded."""
    encoded: Tensor
    """For pitch and energy, [batch, hidden + style, time]."""
    spoken: Tensor
    """For the decoder, [batch, hidden, time]."""


class Kokoro(nn.Module):
    """The network; parameters carry the names of the published checkpoint, weight norms folded."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        self.shape = shape or Shape()
        self.bert = Albert(self.shape)
        self.bert_encoder = nn.Linear(self.shape.bert_hidden, self.shape.hidden)
        self.text_encoder = TextEncoder(self.shape)
        self.predictor = ProsodyPredictor(self.shape)
        self.decoder = Decoder(self.shape)

    def plan(self, tokens: Tensor, lengths: Tensor, styles: Tensor, speeds: Tensor) -> Plan:
        """Phoneme ids [batch, time] of ``lengths``, voices' vectors [batch, 2 * style], speeds [batch]."""
        mask = mask_of(lengths, tokens.shape[1], styles.dtype)
        contexts = self.bert_encoder(self.bert(tokens, mask)).transpose(1, 2)
        encoded = self.predictor.encode(contexts, self._prosody_style(styles), mask)
        durations = self.predictor.durations(encoded, mask, speeds)
        return Plan(durations, encoded, self.text_encoder(tokens, mask))

    def speak(self, plan: Plan, styles: Tensor, frames: int) -> Tensor:
        """Samples [batch, frames * frame] in float32; rows shorter than ``frames`` end in silence."""
        lengths = plan.durations.sum(dim=1).clamp_max(frames)
        ends = plan.durations.cumsum(dim=1)
        steps = torch.arange(frames, device=ends.device).expand(len(ends), -1).contiguous()
        index = torch.searchsorted(ends, steps, right=True).clamp_max(ends.shape[1] - 1)[:, None]
        mask = mask_of(lengths, frames, styles.dtype)
        stretched = plan.encoded.gather(2, index.expand(-1, plan.encoded.shape[1], -1)) * mask
        aligned = plan.spoken.gather(2, index.expand(-1, plan.spoken.shape[1], -1)) * mask
        pitch, energy = self.predictor.curves(stretched, self._prosody_style(styles), mask, lengths.float()[:, None])
        sound_style = styles[:, : self.shape.style]
        return self.decoder(aligned.to(self.precision), pitch, energy, sound_style, lengths)

    @property
    def precision(self) -> torch.dtype:
        """What the decoder's convolutions compute in; all else is float32."""
        return self.decoder.asr_res[0].weight.dtype

    def set_precision(self, dtype: torch.dtype) -> None:
        """Nearly all work is the decoder's convolutions; norms, pitch, source and spectra stay exact."""
        for module in self.decoder.modules():
            if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
                module.to(dtype)

    def _prosody_style(self, styles: Tensor) -> Tensor:
        return styles[:, self.shape.style :]
