"""XTTS at its full size with random weights, against the library's own ``inference_stream`` in the same run."""

from __future__ import annotations

import importlib.util
import tempfile
import time
import warnings
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from tests.gpu.table import Row, Skip, percentile, timed

TEXT = "the quick brown fox jumps over the lazy dog, and nobody minds at all."


def run(device: str, quick: bool) -> Iterator[Row]:
    """Tokens a second, first sound, the same tokens as the library's."""
    if importlib.util.find_spec("TTS") is None:
        raise Skip("coqui-tts is not installed")
    import torch

    from server.engines.base import Cancel
    from server.engines.coqui.decode import Sampling
    from server.engines.coqui.shared import model_folders
    from server.engines.coqui.torchaudio_import import import_torchaudio
    from server.engines.coqui.xtts_model import CHUNKS, XttsModel

    import_torchaudio()
    warnings.simplefilter("ignore")
    from tests.contract.coqui_models import make_xtts

    on_card = device.startswith("cuda")
    with tempfile.TemporaryDirectory() as folder:
        size = {} if quick else {"width": 1024, "layers": 30, "heads": 16, "audio_tokens": 605, "codes": 8192}
        make_xtts(Path(folder) / "random", **size)
        (found,) = model_folders(Path(folder))
        exact = XttsModel(found, torch.device(device), torch.float32, graphs=on_card)
        precision = torch.bfloat16 if on_card else torch.float32
        model = XttsModel(found, torch.device(device), precision, graphs=on_card)
    yield Row("xtts", "weights", f"random, {'shrunk' if quick else 'full size'}, {precision}".replace("torch.", ""))
    voice = model.builtin("Ann")
    prefix, tokens = _prefix(model, voice), 60 if quick else 400

    def ours(one: XttsModel, count: int, top_k: int = 50) -> torch.Tensor:
        chunks = chain(CHUNKS, repeat(CHUNKS[-1]))
        sampling = Sampling(top_k=top_k)
        return torch.cat(list(one._decoder.generate(prefix, sampling, chunks, least=count, most=count)))

    theirs = _library_latents(exact, voice, 40)
    own = ours(exact, len(theirs), top_k=1)
    same = float((own - theirs[: len(own)]).abs().max())
    yield Row("xtts", "latents away from the library's, float32", f"{same:.1e}", "<= 1e-2", same <= 1e-2)
    ours(model, 20)
    rate = tokens / timed(lambda: ours(model, tokens))
    yield Row("xtts", "tokens a second", f"{rate:.0f}")
    count = 20 if quick else 200
    _library_latents(exact, voice, 5)
    begin = time.perf_counter()
    made = len(_library_latents(exact, voice, count))
    theirs_rate = made / (time.perf_counter() - begin)
    yield Row("xtts", "tokens a second, the library's", f"{theirs_rate:.0f}")
    yield Row("xtts", "times the library's", f"{rate / theirs_rate:.1f}", ">= 3", rate / theirs_rate >= 3)
    waits = []
    for seed in range(2 if quick else 20):
        begin = time.perf_counter()
        next(iter(model.speak(TEXT, "en", voice, Sampling(seed=seed), 1.0, Cancel())))
        waits.append((time.perf_counter() - begin) * 1000)
    yield Row(
        "xtts", "first sound after a warm start, p50 / p95",
        f"{percentile(waits, 0.5):.0f} / {percentile(waits, 0.95):.0f} ms", "<= 100 ms", percentile(waits, 0.5) <= 100,
    )  # fmt: skip
    begin = time.perf_counter()
    sound = sum(len(part) for part in model.speak(TEXT, "en", voice, Sampling(), 1.0, Cancel())) / model.rate
    yield Row("xtts", "real-time factor, alone", f"{(time.perf_counter() - begin) / sound:.3f}", "<= 0.10")


def _prefix(model: Any, voice: Any) -> Any:
    import torch

    gpt = model._model.gpt
    with torch.inference_mode():
        gpt.compute_embeddings(voice.conditioning, torch.tensor([model._tokens(TEXT, "en")], device=model.device))
    return gpt.gpt_inference.cached_prefix_emb


def _library_latents(model: Any, voice: Any, most: int) -> Any:
    """What the library's streaming makes, up to ``most`` tokens, with nothing left to chance."""
    import torch

    gpt = model._model.gpt
    tokens = torch.tensor([model._tokens(TEXT, "en")], device=model.device)
    latents = []
    with torch.inference_mode():
        inputs = gpt.compute_embeddings(voice.conditioning, tokens)
        for token, latent in gpt.get_generator(
            fake_inputs=inputs, top_k=1, top_p=0.85, temperature=0.75, do_sample=True, num_beams=1,
            num_return_sequences=1, length_penalty=1.0, repetition_penalty=10.0, output_attentions=False,
            output_hidden_states=True, return_dict_in_generate=True,
        ):  # fmt: skip
            if int(token) == gpt.stop_audio_token:
                break
            latents.append(latent)
            if len(latents) == most:
                break
    return torch.cat(latents) if latents else torch.zeros(0, gpt.model_dim, device=model.device)
