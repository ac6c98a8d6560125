"""ContentVec: what is said, without who says it. A HuBERT, with parameter names as in transformers' files."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class HubertShape:
    """The defaults are HuBERT base's, which ContentVec is."""

    channels: int = 512
    kernels: tuple[int, ...] = (10, 3, 3, 3, 3, 2, 2)
    strides: tuple[int, ...] = (5, 2, 2, 2, 2, 2, 2)
    hidden: int = 768
    inner: int = 3072
    heads: int = 12
    layers: int = 12
    position_kernel: int = 128
    position_groups: int = 16
    final: int = 256


V1_LAYER = 9
"""v1 models listen to the ninth layer through a projection, v2 models to the last as it is."""


class Hubert(nn.Module):
    """16 kHz sound [1, samples] to features [1, time, channels], 50 a second."""

    def __init__(self, shape: HubertShape | None = None) -> None:
        super().__init__()
        shape = shape or HubertShape()
        self.shape = shape
        self.feature_extractor = nn.Module()
        self.feature_extractor.conv_layers = nn.ModuleList(
            _Listen(1 if i == 0 else shape.channels, shape.channels, kernel, stride, norm=i == 0)
            for i, (kernel, stride) in enumerate(zip(shape.kernels, shape.strides, strict=True))
        )
        self.feature_projection = nn.Module()
        self.feature_projection.layer_norm = nn.LayerNorm(shape.channels)
        self.feature_projection.projection = nn.Linear(shape.channels, shape.hidden)
        self.encoder = nn.Module()
        self.encoder.pos_conv_embed = nn.Module()
        self.encoder.pos_conv_embed.conv = nn.Conv1d(
            shape.hidden,
            shape.hidden,
            shape.position_kernel,
            padding=shape.position_kernel // 2,
            groups=shape.position_groups,
        )
        self.encoder.layer_norm = nn.LayerNorm(shape.hidden)
        self.encoder.layers = nn.ModuleList(_Layer(shape) for _ in range(shape.layers))
        self.final_proj = nn.Linear(shape.hidden, shape.final)

    def forward(self, sound: Tensor, projected: bool) -> Tensor:
        """``projected`` for v1 models."""
        x = sound[:, None]
        for conv in self.feature_extractor.conv_layers:
            x = conv(x)
        x = self.feature_projection.projection(self.feature_projection.layer_norm(x.transpose(1, 2)))
        time = x.shape[1]
        places = self.encoder.pos_conv_embed.conv(x.transpose(1, 2))[..., :time]
        x = self.encoder.layer_norm(x + functional.gelu(places).transpose(1, 2))
        for layer in self.encoder.layers[: min(V1_LAYER, self.shape.layers) if projected else None]:
            x = layer(x)
        return self.final_proj(x) if projected else x


class _Listen(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, *, norm: bool) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride, bias=False)
        if norm:
            self.layer_norm = nn.GroupNorm(outputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return functional.gelu(self.layer_norm(x) if hasattr(self, "layer_norm") else x)


class _Layer(nn.Module):
    def __init__(self, shape: HubertShape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.attention = nn.Module()
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            setattr(self.attention, name, nn.Linear(shape.hidden, shape.hidden))
        self.layer_norm = nn.LayerNorm(shape.hidden)
        self.feed_forward = nn.Module()
        self.feed_forward.intermediate_dense = nn.Linear(shape.hidden, shape.inner)
        self.feed_forward.output_dense = nn.Linear(shape.inner, shape.hidden)
        self.final_layer_norm = nn.LayerNorm(shape.hidden)

    def forward(self, x: Tensor) -> Tensor:
        part = self.attention
        q, k, v = (
            project(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for project in (part.q_proj, part.k_proj, part.v_proj)
        )
        mixed = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = self.layer_norm(x + part.out_proj(mixed))
        inner = functional.gelu(self.feed_forward.intermediate_dense(x))
        return self.final_layer_norm(x + self.feed_forward.output_dense(inner))
