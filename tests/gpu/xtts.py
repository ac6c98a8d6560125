"""XTTS at its full size with random weights, against the library's own ``inference_stream`` in the same run."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.gpu.table import Row, Skip, percentile
from tests.installed import lacking

if TYPE_CHECKING:
    from server.engines.coqui.xtts_model import Latents, XttsModel

TEXT = "the quick brown fox jumps over the lazy dog, and nobody minds at all."
FULL = {"width": 1024, "layers": 30, "heads": 16, "audio_tokens": 605, "codes": 1024}
"""As the published model has it."""


def run(device: str, quick: bool) -> Iterator[Row]:
    """Tokens a second alone and together, first sound, the same latents as the library's, memory."""
    if names := lacking("TTS", "torchaudio"):
        raise Skip(f"{', '.join(names)} not installed")
    import torch

    from server.engines.coqui.shared import model_folders
    from server.engines.coqui.torchaudio_import import import_torchaudio
    from server.engines.coqui.xtts_model import XttsModel, load_network

    import_torchaudio()
    warnings.simplefilter("ignore")
    from tests.contract.coqui_models import make_xtts

    on_card = device.startswith("cuda")
    place, slots = torch.device(device), 2 if quick else 8
    precision = torch.bfloat16 if on_card else torch.float32
    with tempfile.TemporaryDirectory() as temporary:
        make_xtts(Path(temporary) / "random", **({} if quick else FULL))
        (folder,) = model_folders(Path(temporary))
        library = load_network(folder).to(place)
        exact = XttsModel(folder, place, torch.float32, slots=1)
        before = _memory(device)
        begin = time.perf_counter()
        model = XttsModel(folder, place, precision, slots=slots, graphs=on_card)
        yield Row("xtts", "load and warm-up, graphs included", f"{time.perf_counter() - begin:.1f} s")
        if on_card:
            yield Row("xtts", f"memory of the model, {slots} at once", f"{(_memory(device) - before) / 2**30:.2f} GB")
    yield Row("xtts", "weights", f"random, {'shrunk' if quick else 'full size'}, {precision}".replace("torch.", ""))
    voice = model.builtin("Ann")

    theirs = _library_latents(library, exact, voice, 40)
    own = _latents(exact, voice, len(theirs), top_k=1)
    same = float((own - theirs[: len(own)]).abs().max())
    yield Row("xtts", "latents away from the library's, float32", f"{same:.1e}", "<= 1e-2", same <= 1e-2)

    count = 20 if quick else 200
    _library_latents(library, exact, voice, 5)
    begin = time.perf_counter()
    made = len(_library_latents(library, exact, voice, count))
    theirs_rate = made / (time.perf_counter() - begin)
    yield Row("xtts", "tokens a second, the library's", f"{theirs_rate:.0f}")
    for rows in (1, slots):
        rate = _rate(model, voice, rows, 60 if quick else 400)
        yield Row("xtts", f"tokens a second, {rows} at once", f"{rate:.0f}")
        target, met = (">= 3", rate / theirs_rate >= 3) if rows == slots else ("", None)
        yield Row("xtts", f"times the library's, {rows} at once", f"{rate / theirs_rate:.1f}", target, met)

    for listeners in (1, slots):
        waits = [wait for seed in range(1 if quick else 20) for wait in _first_sounds(model, voice, listeners, seed)]
        target, met = ("<= 100 ms", percentile(waits, 0.5) <= 100) if listeners == 1 else ("", None)
        yield Row(
            "xtts", f"first sound after a warm start, {listeners} at once, p50 / p95",
            f"{percentile(waits, 0.5):.0f} / {percentile(waits, 0.95):.0f} ms", target, met,
        )  # fmt: skip
    for listeners in (1, slots):
        begin = time.perf_counter()
        sound = spoken_samples(model, voice, listeners) / model.rate
        speed = sound / (time.perf_counter() - begin)
        yield Row("xtts", f"audio seconds a second, {listeners} at once", f"{speed:.1f}")
    if on_card:
        begin = time.perf_counter()
        model.rest()
        left = time.perf_counter() - begin
        begin = time.perf_counter()
        model.decoder()
        back = time.perf_counter() - begin
        yield Row("xtts", "leaving the card / coming back, graphs included", f"{left:.2f} / {back:.2f} s")


def _latents(model: XttsModel, voice: Latents, count: int, top_k: int = 50) -> Any:
    """Exactly ``count`` of them."""
    from server.engines.coqui.sampling import Sampling

    decoder = model.decoder()
    sentence = decoder.begin(model.prefix(TEXT, "en", voice), Sampling(top_k=top_k), least=count, most=count)
    while not sentence.ended:
        decoder.advance()
    decoder.drop(sentence)
    return sentence.take()


def _rate(model: XttsModel, voice: Latents, rows: int, tokens: int) -> float:
    """Tokens a second of ``rows`` sentences together, their beginnings included."""
    from server.engines.coqui.sampling import Sampling

    decoder = model.decoder()
    begin = time.perf_counter()
    sentences = [
        decoder.begin(model.prefix(TEXT, "en", voice), Sampling(seed=seed), least=tokens, most=tokens)
        for seed in range(rows)
    ]
    while not all(sentence.ended for sentence in sentences):
        decoder.advance()
    made = sum(len(latents) for sentence in sentences if (latents := sentence.take()) is not None)
    took = time.perf_counter() - begin  # the last round has looked at its tokens, so the card is done
    for sentence in sentences:
        decoder.drop(sentence)
    return made / took


def _batch(model: XttsModel, voice: Latents, listeners: int, seed: int) -> Any:
    from server.engines.base import Cancel
    from server.engines.coqui.batch import SpeakingBatch, Utterance
    from server.engines.coqui.sampling import Sampling

    batch = SpeakingBatch(model)
    for number in range(listeners):
        sampling = Sampling(seed=seed * listeners + number)
        batch.add(number, Utterance(TEXT, "en", voice, sampling, 1.0, Cancel()))
    return batch


def _first_sounds(model: XttsModel, voice: Latents, listeners: int, seed: int) -> list[float]:
    """Milliseconds until each listener hears something."""
    batch = _batch(model, voice, listeners, seed)
    begin, waits = time.perf_counter(), dict[int, float]()
    while len(waits) < listeners:
        for number, _ in batch.round():
            waits.setdefault(number, (time.perf_counter() - begin) * 1000)
    batch.clear()
    return list(waits.values())


def spoken_samples(model: XttsModel, voice: Latents, listeners: int) -> int:
    """Samples of a sentence for each."""
    batch, samples = _batch(model, voice, listeners, 7), 0
    while len(batch):
        for _, item in batch.round():
            assert not isinstance(item, Exception), item
            samples += 0 if item is None else len(item)
    return samples


def _memory(device: str) -> int:
    import torch

    return torch.cuda.memory_reserved() if device.startswith("cuda") else 0


def _library_latents(library: Any, exact: XttsModel, voice: Latents, most: int) -> Any:
    """What the library's streaming makes, up to ``most`` tokens, with nothing left to chance."""
    import torch

    gpt = library.gpt
    tokens = torch.tensor([exact.tokens(TEXT, "en")], device=exact.device)
    latents = []
    with torch.inference_mode():
        inputs = gpt.compute_embeddings(voice.conditioning.to(exact.device), tokens)
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
    return torch.cat(latents) if latents else torch.zeros(0, gpt.model_dim, device=exact.device)
