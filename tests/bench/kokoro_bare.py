"""The Kokoro engine against the bare ONNX session: same phonemes, same styles, same run, by turns.

    python -m tests.bench.kokoro_bare MODELS_FOLDER

Prints, for texts of three lengths, the best of several: the bare session's time, the engine's whole time and first
sound, and their ratios; then loading time and memory.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
import psutil

from server.engines.base import EngineContext, SynthesisOptions
from server.engines.kokoro.engine import RATE, WEIGHTS, Kokoro
from server.engines.kokoro.utterance import split, tokens_of
from server.engines.kokoro.voices import VoiceBook, describe
from server.text.piece import Piece

SENTENCE = "The quick brown fox jumps over the lazy dog, and then it sat down by the river to watch the clouds."
TEXTS = {22: "The quick brown foxes.", 100: SENTENCE, 500: " ".join([SENTENCE] * 5)}
ROUNDS = 5


def main(folder: Path) -> None:
    """Measure and print."""
    before = time.perf_counter()
    engine = Kokoro(EngineContext(models=folder))
    engine.load()
    memory = psutil.Process().memory_info().rss / 1e6
    print(f"loaded in {time.perf_counter() - before:.2f} s, {memory:.0f} MB")
    bare = onnxruntime.InferenceSession(str(folder / WEIGHTS.name), providers=["CPUExecutionProvider"])
    print("characters   bare     whole  ratio   first  of whole  speech  real-time factor")
    for length, text in TEXTS.items():
        runs = [(run_bare(bare, engine, text), *run_engine(engine, text)) for _ in range(ROUNDS)]
        alone, whole, first, seconds = (min(run[i] for run in runs) for i in range(4))
        print(
            f"{length:10} {alone:6.2f} s {whole:6.2f} s {whole / alone:6.2f} {first:6.2f} s {first / whole:8.2f}"
            f" {seconds:6.1f} s {whole / seconds:8.2f}"
        )
    print(f"{psutil.Process().memory_info().rss / 1e6:.0f} MB at the end, the bare session's included")


def run_bare(session: onnxruntime.InferenceSession, engine: Kokoro, text: str) -> float:
    """Seconds of the bare session, phonemes given."""
    assert engine._frontend is not None
    voice, book = describe("af_heart"), VoiceBook()
    total = 0.0
    for utterance in split(engine._frontend.units(Piece(text, 0, len(text)), "en-us")):
        tokens = tokens_of(utterance)
        inputs = {
            "tokens": np.array([[0, *tokens, 0]]),
            "style": book.style(voice, len(tokens)),
            "speed": np.ones(1, np.float32),
        }
        before = time.perf_counter()
        session.run(None, inputs)
        total += time.perf_counter() - before
    return total


def run_engine(engine: Kokoro, text: str) -> tuple[float, float, float]:
    """Seconds until the end, until the first sound, and of speech."""
    before, first, samples = time.perf_counter(), 0.0, 0
    for chunk in engine.synthesize(Piece(text, 0, len(text)), describe("af_heart"), SynthesisOptions()):
        first = first or time.perf_counter() - before
        samples += len(chunk.samples)
    return time.perf_counter() - before, first, samples / RATE


if __name__ == "__main__":
    main(Path(sys.argv[1]))
