"""RVC at its full size with random weights: what it adds to the first sound, and how fast it is."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.gpu.table import Row, percentile

CONFIG = [
    1025, 32, 192, 192, 768, 2, 6, 3, 0, "1", [3, 7, 11], [[1, 3, 5]] * 3, [10, 10, 2, 2], 512, [16, 16, 4, 4],
    109, 256, "40k",
]  # fmt: skip


def run(device: str, quick: bool) -> Iterator[Row]:
    """A v2 model behind a stream."""
    import torch

    from server.audio.chunk import AudioChunk
    from server.conversion.rvc.hubert import Hubert
    from server.conversion.rvc.model import RvcModel
    from server.conversion.rvc.rmvpe import Rmvpe
    from server.conversion.rvc.settings import ConversionSettings
    from server.conversion.rvc.shape import RvcShape
    from server.conversion.rvc.stream import RvcStream
    from server.conversion.rvc.synthesizer import Synthesizer

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        voices = Path(folder)
        weights = Synthesizer(RvcShape.from_checkpoint(CONFIG, "v2", True, 109)).state_dict()
        torch.save({"weight": weights, "config": CONFIG, "version": "v2", "f0": 1}, voices / "random.pth")
        model = RvcModel(device, voices, voices)
        model._hubert = Hubert().eval().requires_grad_(False).to(device)
        model._rmvpe = Rmvpe().eval().requires_grad_(False).to(device)
        settings = ConversionSettings("random")
        speech = (0.1 * np.random.default_rng(0).standard_normal(24_000 * (2 if quick else 10))).astype(np.float32)
        model.convert(speech[:24_000], 24_000, settings)
        firsts, begin = [], 0.0
        for _ in range(1 if quick else 10):
            stream = RvcStream(model.convert_window, settings)
            begin = time.perf_counter()
            out = stream.convert(AudioChunk(speech[:24_000], 24_000))
            firsts.append((time.perf_counter() - begin) * 1000)
            assert out
        yield Row(
            "rvc", "added to the first sound, p50 / p95",
            f"{percentile(firsts, 0.5):.0f} / {percentile(firsts, 0.95):.0f} ms", "<= 150 ms",
            percentile(firsts, 0.5) <= 150,
        )  # fmt: skip
        stream = RvcStream(model.convert_window, settings)
        begin = time.perf_counter()
        seconds = sum(c.seconds for c in stream.convert(AudioChunk(speech, 24_000)) + stream.flush())
        yield Row("rvc", "real-time factor of a stream", f"{(time.perf_counter() - begin) / seconds:.3f}")
        assert abs(seconds - len(speech) / 24_000) < 0.01
