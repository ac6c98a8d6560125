"""The sizes of an RVC model, as its file tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import prod
from typing import Any

FRAMES = 100
"""Frames per second of everything between the ear and the voice."""
HEARING_RATE = 16_000
"""Hz of what the feature and pitch models hear."""


@dataclass(frozen=True, slots=True)
class RvcShape:
    """Widths, depths and rates of a synthesizer."""

    features: int
    """256 for v1 models, 768 for v2."""
    has_pitch: bool
    inter: int
    hidden: int
    filter: int
    heads: int
    layers: int
    kernel: int
    block_kernels: tuple[int, ...]
    block_dilations: tuple[tuple[int, ...], ...]
    up_rates: tuple[int, ...]
    up_channels: int
    up_kernels: tuple[int, ...]
    speakers: int
    speaker_size: int
    rate: int
    """Hz of the speech it makes."""
    flow_layers: int = 3
    flow_kernel: int = 5
    flows: int = 4

    @property
    def hop(self) -> int:
        """Samples per frame."""
        return prod(self.up_rates)

    def to_json(self) -> dict[str, Any]:
        """For the file kept beside the weights."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RvcShape:
        """Back from ``to_json``'s JSON; raises KeyError, TypeError or ValueError for anything else."""
        values = dict(data)
        for name in ("block_kernels", "up_rates", "up_kernels"):
            values[name] = tuple(int(item) for item in values[name])
        values["block_dilations"] = tuple(tuple(int(i) for i in row) for row in values["block_dilations"])
        return cls(**values).checked()

    @classmethod
    def from_checkpoint(cls, config: Sequence[Any], version: str, has_pitch: bool, speakers: int) -> RvcShape:
        """From the list of 18 values that a ``.pth`` carries."""
        if len(config) != 18:
            raise ValueError(f"a model's config has 18 values, this one {len(config)}")
        _, _, inter, hidden, filter_, heads, layers, kernel, _, _, kernels, dilations, *rest = config
        up_rates, up_channels, up_kernels, _, speaker_size, rate = rest
        return cls(
            features=256 if version == "v1" else 768,
            has_pitch=has_pitch,
            inter=int(inter),
            hidden=int(hidden),
            filter=int(filter_),
            heads=int(heads),
            layers=int(layers),
            kernel=int(kernel),
            block_kernels=tuple(int(item) for item in kernels),
            block_dilations=tuple(tuple(int(item) for item in row) for row in dilations),
            up_rates=tuple(int(item) for item in up_rates),
            up_channels=int(up_channels),
            up_kernels=tuple(int(item) for item in up_kernels),
            speakers=speakers,
            speaker_size=int(speaker_size),
            rate=_RATES.get(rate) or int(rate),
        ).checked()

    def checked(self) -> RvcShape:
        """Itself; ValueError if such a model would be absurd or too large to build."""
        sizes = (self.inter, self.hidden, self.filter, self.up_channels, self.speaker_size, self.speakers)
        if not all(0 < size <= 4096 for size in sizes) or not 0 < self.layers <= 48 or self.heads < 1:
            raise ValueError("sizes out of range")
        if self.hidden % self.heads or self.rate != self.hop * FRAMES or not 8_000 <= self.rate <= 48_000:
            raise ValueError("sizes that do not fit together")
        if len(self.up_rates) != len(self.up_kernels) or len(self.block_kernels) != len(self.block_dilations):
            raise ValueError("lists of different lengths")
        if any(not 0 < size <= 64 for row in (*self.block_dilations, self.block_kernels) for size in row):
            raise ValueError("kernels out of range")
        return self


_RATES = {"32k": 32_000, "40k": 40_000, "48k": 48_000}
