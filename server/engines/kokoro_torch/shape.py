"""The sizes of a Kokoro model; the defaults are the released 82M model's."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

RATE = 24000


@dataclass(frozen=True, slots=True)
class Shape:
    """Widths and depths; tests make small ones."""

    tokens: int = 178
    context: int = 512
    """Most phoneme ids in one piece, both end marks included."""
    hidden: int = 512
    style: int = 128
    """Half a voice's vector: one half colours the sound, the other the prosody."""
    longest: int = 50
    """Most frames one phoneme can last."""
    layers: int = 3
    kernel: int = 5
    bert_embedding: int = 128
    bert_hidden: int = 768
    bert_inner: int = 2048
    bert_heads: int = 12
    bert_layers: int = 12
    decoder: int = 1024
    decoder_out: int = 512
    residual: int = 64
    rates: tuple[int, ...] = (10, 6)
    kernels: tuple[int, ...] = (20, 12)
    block_kernels: tuple[int, ...] = (3, 7, 11)
    dilations: tuple[int, ...] = (1, 3, 5)
    window: int = 20
    hop: int = 5
    harmonics: int = 9

    @property
    def half_frame(self) -> int:
        """Samples per value of the pitch curve; a frame has two."""
        return prod(self.rates) * self.hop

    @property
    def frame(self) -> int:
        """Samples per frame, the unit of durations."""
        return 2 * self.half_frame
