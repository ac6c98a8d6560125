"""Kokoro on torch as an engine: several requests together, one bad among them, a card without room."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from server.audio.chunk import AudioChunk
from server.engines.base import EngineContext, Job, SynthesisOptions
from server.engines.kokoro.utterance import Unit, unit
from server.engines.kokoro_torch.engine import KokoroTorch
from server.errors import InvalidRequest, SynthesisFailed
from server.text.piece import Piece
from server.voices.voice import Voice
from tests.torch_needed import need

need("torch", "safetensors", command="python3 -m server install torch kokoro-torch")

import torch  # noqa: E402 - only where it is installed

from tests.contract.kokoro_small import SMALL, speaker  # noqa: E402

pytestmark = pytest.mark.contract


class Letters:
    """A front end that says letters as they are written."""

    def units(self, piece: Piece, language: str) -> list[Unit]:
        words, at = [], 0
        for word in piece.text.split():
            begin = piece.text.index(word, at)
            at = begin + len(word)
            words.append(unit(word + " ", begin, at))
        return words


class Styles:
    """One vector for everybody."""

    def style(self, voice: Voice, phonemes: int) -> np.ndarray:
        return np.full((1, 2 * SMALL.style), 0.3, np.float32)


@pytest.fixture
def engine() -> KokoroTorch:
    made = KokoroTorch(EngineContext())
    made._frontend, made._book = Letters(), Styles()  # type: ignore[assignment]
    made._speaker = speaker(batches=True)
    return made


def job(number: int, text: str) -> Job:
    voice = Voice("af_heart", "kokoro-torch", "Heart", languages=("en-us",))
    return Job(number, Piece(text, 0, len(text)), voice, SynthesisOptions())


def test_the_engine_speaks_several_requests_together(engine: KokoroTorch) -> None:
    long = "abcdefghi " * 60  # more than the model takes at once
    items = list(engine.synthesize_batch([job(1, "hello there"), job(2, long), job(3, ""), job(4, "yes")]))
    ends = [number for number, item in items if item is None]
    assert sorted(ends) == [1, 2, 3, 4]
    chunks = {number: [item for n, item in items if n == number and isinstance(item, AudioChunk)] for number in ends}
    assert [len(chunks[number]) for number in (1, 2, 3, 4)] == [1, 2, 0, 1]
    assert [word.text_start for word in chunks[1][0].words] == [0, 6]
    said = [word.text_start for chunk in chunks[2] for word in chunk.words]
    assert said == sorted(said), "the parts of one piece come in order"
    alone = list(engine.synthesize(job(0, "yes").piece, job(0, "yes").voice, SynthesisOptions()))
    assert len(alone) == 1
    assert len(alone[0].samples) == len(chunks[4][0].samples)


def test_one_bad_request_does_not_spoil_the_others(engine: KokoroTorch) -> None:
    bad = replace(job(1, "hello"), options=SynthesisOptions(language="xx"))
    items = list(engine.synthesize_batch([bad, job(2, "there")]))
    assert isinstance(items[0][1], InvalidRequest)
    assert isinstance(items[1][1], AudioChunk)
    assert items[2] == (2, None)


def test_what_does_not_fit_the_card_is_spoken_on_the_cpu_if_that_is_allowed(engine: KokoroTorch) -> None:
    assert engine._speaker is not None

    def full(*inputs: torch.Tensor) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory (as the card would say)")

    engine._speaker._model.plan = full  # type: ignore[method-assign]
    ((number, failure),) = engine.synthesize_batch([job(1, "hello")])
    assert number == 1
    assert isinstance(failure, SynthesisFailed)
    assert failure.code == "out_of_memory"
    engine._spare = speaker()
    items = list(engine.synthesize_batch([job(1, "hello"), job(2, "there")]))
    assert [number for number, item in items if item is None] == [1, 2]
