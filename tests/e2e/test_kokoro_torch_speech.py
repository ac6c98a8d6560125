"""Kokoro's real weights on torch against the same weights in ONNX Runtime, judged by ear and by measure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.audio.chunk import AudioChunk
from server.engines.base import EngineContext, Job, SynthesisOptions
from server.engines.kokoro_torch.engine import KokoroTorch
from server.text.piece import Piece
from tests import listen
from tests.torch_needed import need

need("torch", "safetensors", "misaki", "onnxruntime", command="python3 -m server install kokoro-torch")
need("faster_whisper", command="python3 -m tests")

pytestmark = [
    pytest.mark.long,
    pytest.mark.filterwarnings("ignore:open_text is deprecated:DeprecationWarning"),  # misaki reads its data so
]

TEXTS = (
    "The quick brown fox jumps over the lazy dog, and nobody minds at all.",
    "Yes.",
    "In the evening they walked along the river and talked about the winter.",
)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> KokoroTorch:
    made = KokoroTorch(EngineContext(models=tmp_path_factory.mktemp("models") / "kokoro-torch", threads=2))
    made.load()
    return made


@pytest.fixture(scope="module")
def session(engine: KokoroTorch) -> Any:
    """The packaged file in ONNX Runtime as it is, whole sentences at once."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 2, 3
    path = engine.context.models.parent / "kokoro" / "kokoro-v1.0.int8.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def piece(text: str) -> Piece:
    return Piece(text, 0, len(text))


def joined(chunks: Iterator[AudioChunk]) -> AudioChunk:
    found = list(chunks)
    return AudioChunk(
        np.concatenate([c.samples for c in found]), found[0].rate, tuple(w for c in found for w in c.words)
    )


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Log energies in 40 mel bands, frames of 43 ms."""
    import torch

    spectrum = torch.stft(
        torch.from_numpy(samples), 1024, 256, window=torch.hann_window(1024), return_complex=True
    ).abs()
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 42) / 2595) - 1)
    bins = np.linspace(0, 12000, 513)
    up = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    bank = np.clip(np.minimum(up, down), 0, None).astype(np.float32)
    return np.log(bank @ spectrum.numpy() + 1e-3)


def test_torch_says_what_onnx_says(engine: KokoroTorch, session: Any) -> None:
    voices = {voice.id: voice for voice in engine.voices()}
    jobs = [Job(n, piece(text), voices["af_heart"], SynthesisOptions()) for n, text in enumerate(TEXTS)]
    spoken: dict[int, list[AudioChunk]] = {job.id: [] for job in jobs}
    ended = []
    for job_id, item in engine.synthesize_batch(jobs):
        if isinstance(item, AudioChunk):
            spoken[job_id].append(item)
        else:
            ended.append((job_id, item))
    assert sorted(ended) == [(0, None), (1, None), (2, None)]
    for job, text in zip(jobs, TEXTS, strict=True):
        ours = joined(iter(spoken[job.id]))
        (part,) = engine._parts(job)
        inputs = {
            "tokens": np.array([part.utterance.tokens], np.int64),
            "style": part.utterance.style[None],
            "speed": np.ones(1, np.float32),
        }
        theirs = session.run(["audio"], inputs)[0].reshape(-1)
        assert len(ours.samples) == pytest.approx(len(theirs), rel=0.02, abs=700)
        assert ours.samples.std() == pytest.approx(theirs.std(), rel=0.1)
        assert len(ours.words) == len(text.split())
        if len(ours.samples) == len(theirs):
            distance = np.abs(log_mel(ours.samples) - log_mel(theirs)).mean()
            assert distance < 0.3, "log-mel distance; a different voice is above 1"
        if len(text) > 20:
            heard = listen.transcribe(ours.samples, ours.rate)
            assert listen.word_error_rate(text, heard) <= 0.08, heard


def test_half_precision_is_not_heard(engine: KokoroTorch) -> None:
    """On the CPU half precision is slow, hence one short word; its error lies 30 dB and more below the speech."""
    import torch

    from server.engines.kokoro_torch.batch import Spoken, Utterance

    speaker = engine._speaker
    assert speaker is not None
    tokens = (0, 50, 83, 54, 156, 57, 135, 16, 65, 156, 87, 123, 54, 46, 4, 0)
    utterance = Utterance(tokens, engine._book.style(engine.voices()[0], len(tokens))[0])
    results = []
    for precision in (torch.float32, torch.float16):
        speaker._model.set_precision(precision)
        ((_, item),) = speaker.speak([utterance])
        assert isinstance(item, Spoken)
        results.append(item.samples)
    speaker._model.set_precision(torch.float32)
    exact, half = results
    assert np.square(exact - half).mean() < 1e-3 * np.square(exact).mean()


def test_the_turned_weights_are_kept(engine: KokoroTorch) -> None:
    folder: Path = engine.context.models
    assert [path.name for path in folder.iterdir()] == ["kokoro.safetensors"]
