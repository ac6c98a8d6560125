"""A card that has no room left: smaller batches, fewer sentences at once, an honest error, and life goes on."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.gpu.table import Row, Skip
from tests.installed import lacking


def run(device: str, quick: bool) -> Iterator[Row]:
    """Ceilings below what is wanted, on the real card's allocator."""
    if not device.startswith("cuda"):
        raise Skip("a CPU's memory has no ceiling")
    yield from _kokoro(device, quick)
    if (names := lacking("TTS", "torchaudio")):
        yield Row("memory", "xtts", f"skipped: {', '.join(names)} not installed")
    else:
        yield from _xtts(device)


def _kokoro(device: str, quick: bool) -> Iterator[Row]:
    import torch

    from server.engines.kokoro_torch.batch import Spoken, Utterance
    from server.engines.kokoro_torch.model import Kokoro
    from server.engines.kokoro_torch.speaker import Speaker

    torch.manual_seed(0)
    model = Kokoro()
    with torch.no_grad():  # 2.8 frames a phoneme, as speech has
        model.predictor.duration_proj.linear_layer.weight.zero_()
        model.predictor.duration_proj.linear_layer.bias.fill_(-2.8)
    speaker = Speaker(model, torch.device(device), torch.float16, seconds_at_once=400.0)
    style = np.zeros(2 * speaker.shape.style, np.float32)
    batch = [Utterance((0, *([50 + n % 20] * 150), 0), style) for n in range(8 if quick else 32)]

    def spoken() -> tuple[int, list[str]]:
        items = [item for _, item in speaker.speak(batch)]
        return sum(isinstance(item, Spoken) for item in items), [
            str(getattr(item, "code", "")) for item in items if not isinstance(item, Spoken)
        ]

    torch.cuda.reset_peak_memory_stats()
    spoken()
    peak, at_rest = torch.cuda.max_memory_reserved(), torch.cuda.memory_allocated()
    yield Row("memory", f"kokoro, {len(batch)} long sentences at once", f"{peak / 2**30:.2f} GB")
    with _ceiling(at_rest + (peak - at_rest) // 3):
        count, errors = spoken()
    yield Row("memory", "kokoro with a third of that, spoken", f"{count} of {len(batch)}", "all", count == len(batch))
    with _ceiling(at_rest):
        count, errors = spoken()
    honest = count + errors.count("out_of_memory") == len(batch) and not count
    yield Row("memory", "kokoro without room, told so", f"{len(errors)} of {len(batch)}", "all", honest)
    count, _ = spoken()
    yield Row("memory", "kokoro with room again, spoken", f"{count} of {len(batch)}", "all", count == len(batch))


def _xtts(device: str) -> Iterator[Row]:
    import torch

    from server.engines.coqui.shared import model_folders
    from server.engines.coqui.torchaudio_import import import_torchaudio
    from server.engines.coqui.xtts_model import XttsModel
    from tests.contract.coqui_models import make_xtts
    from tests.gpu.xtts import FULL, spoken_samples

    import_torchaudio()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as temporary:
        make_xtts(Path(temporary) / "random", **FULL)
        (folder,) = model_folders(Path(temporary))

        def model(slots: int) -> Any:
            return XttsModel(folder, torch.device(device), torch.bfloat16, slots=slots)

        torch.cuda.empty_cache()
        before = torch.cuda.memory_allocated()
        one = model(1)
        alone = torch.cuda.memory_reserved()
        del one
        torch.cuda.empty_cache()
        with _ceiling(alone + 2**29):  # half a gigabyte more than one sentence takes, where eight take nearly one
            crowded = model(8)
            samples = spoken_samples(crowded, crowded.builtin("Ann"), 4)
            fewer = 1 <= crowded.slots < 8 and samples > 0
            yield Row("memory", "xtts under a ceiling, sentences at once", str(crowded.slots), "1 to 7", fewer)
        crowded.rest()
        left = (torch.cuda.memory_allocated() - before) / 2**20
        yield Row("memory", "xtts at rest leaves on the card", f"{left:.0f} MB", "<= 20 MB", left <= 20)


@contextmanager
def _ceiling(size: int) -> Iterator[None]:
    import torch

    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, size / total))
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()
