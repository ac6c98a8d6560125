"""The normalising flow of an RVC synthesizer, run backwards: from the features' space to the voice's."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from server.conversion.rvc.shape import RvcShape


class Flow(nn.Module):
    """Couplings with a flip between each two; the checkpoint counts the flips too, hence the even numbers."""

    def __init__(self, shape: RvcShape) -> None:
        super().__init__()
        self.flows = nn.ModuleDict({str(2 * i): _Coupling(shape) for i in range(shape.flows)})

    def reverse(self, x: Tensor, speaker: Tensor) -> Tensor:
        """[1, inter, time] under a speaker's vector [1, size, 1]."""
        for coupling in reversed(list(self.flows.values())):
            x = coupling.reverse(x.flip(1), speaker)
        return x


class _Coupling(nn.Module):
    def __init__(self, shape: RvcShape) -> None:
        super().__init__()
        half = shape.inter // 2
        self.pre = nn.Conv1d(half, shape.hidden, 1)
        self.enc = _WaveNet(shape)
        self.post = nn.Conv1d(shape.hidden, half, 1)

    def reverse(self, x: Tensor, speaker: Tensor) -> Tensor:
        kept, moved = x.chunk(2, dim=1)
        return torch.cat([kept, moved - self.post(self.enc(self.pre(kept), speaker))], dim=1)


class _WaveNet(nn.Module):
    def __init__(self, shape: RvcShape) -> None:
        super().__init__()
        width, count, kernel = shape.hidden, shape.flow_layers, shape.flow_kernel
        self.cond_layer = nn.Conv1d(shape.speaker_size, 2 * width * count, 1)
        self.in_layers = nn.ModuleList(nn.Conv1d(width, 2 * width, kernel, padding=kernel // 2) for _ in range(count))
        self.res_skip_layers = nn.ModuleList(
            nn.Conv1d(width, width if i == count - 1 else 2 * width, 1) for i in range(count)
        )

    def forward(self, x: Tensor, speaker: Tensor) -> Tensor:
        conditions = self.cond_layer(speaker).chunk(len(self.in_layers), dim=1)
        total = torch.zeros_like(x)
        for i, (layer, skip) in enumerate(zip(self.in_layers, self.res_skip_layers, strict=True)):
            a, b = (layer(x) + conditions[i]).chunk(2, dim=1)
            out = skip(torch.tanh(a) * torch.sigmoid(b))
            if i + 1 < len(self.in_layers):
                move, out = out.chunk(2, dim=1)
                x = x + move
            total = total + out
        return total
