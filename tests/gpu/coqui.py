"""Coqui's other models: a VITS of the published size with random weights speaks as on the CPU, and how fast."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.gpu.table import Row, Skip, percentile
from tests.installed import lacking

TEXT = "the quick brown fox jumps over the lazy dog, and nobody minds at all."


def run(device: str, quick: bool) -> Iterator[Row]:
    """One sentence after the other, since the library speaks no batches."""
    if names := lacking("TTS", "torchaudio", "espeakng_loader"):
        raise Skip(f"{', '.join(names)} not installed")
    import torch

    from server.engines.base import Cancel
    from server.engines.coqui.shared import model_folders
    from server.engines.coqui.torchaudio_import import import_torchaudio

    import_torchaudio()
    warnings.simplefilter("ignore")
    from server.engines.coqui.speech_model import SpeechModel
    from tests.contract.coqui_models import make_vits

    with tempfile.TemporaryDirectory() as temporary:
        make_vits(Path(temporary) / "random", slim=quick)
        (folder,) = model_folders(Path(temporary))
        model = SpeechModel(folder, None, torch.device(device))
        on_cpu = model if device == "cpu" else SpeechModel(folder, None, torch.device("cpu"))

    def said(one: SpeechModel, seed: int) -> np.ndarray:
        return one.speak(TEXT, None, None, 1.0, seed, Cancel())

    # Noise comes from each device's own generator, so the two are compared without any.
    for one in {model, on_cpu}:
        one._model.inference_noise_scale = one._model.inference_noise_scale_dp = 0.0
    exact, other = said(on_cpu, 0), said(model, 0)
    size = min(len(exact), len(other))
    error = float(np.abs(exact[:size] - other[:size]).max())
    same = len(exact) == len(other) and error <= 0.02
    yield Row("coqui", "VITS away from the CPU's", f"{error:.1e}", "<= 0.02", same)
    waits, samples = [], 0
    for seed in range(2 if quick else 30):
        begin = time.perf_counter()
        samples += len(said(model, seed))
        waits.append((time.perf_counter() - begin) * 1000)
    p50, p95 = percentile(waits, 0.5), percentile(waits, 0.95)
    yield Row("coqui", "VITS, a sentence, p50 / p95", f"{p50:.0f} / {p95:.0f} ms")
    yield Row("coqui", "VITS, audio seconds a second", f"{samples / model.rate / (sum(waits) / 1000):.0f}")
