"""Kokoro on torch, many sentences at once: a batch is its singles, each can be cancelled, nothing is left behind."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.engines.base import Cancel
from server.errors import Cancelled, SynthesisFailed
from tests.torch_needed import need

need("torch", "safetensors", command="python3 -m server install torch kokoro-torch")

import torch  # noqa: E402 - only where it is installed

from server.engines.kokoro_torch.batch import Spoken, bucket, parts_within  # noqa: E402
from tests.contract.kokoro_small import SMALL, sentence, sounds, speaker  # noqa: E402

pytestmark = pytest.mark.contract


def test_a_batch_gives_what_single_runs_give() -> None:
    """Within 40 dB: rounding differs by shape, and the phase of a silent bin is anybody's guess."""
    sentences = [sentence(n, speed=1 + n / 100) for n in (5, 40, 17, 3, 26)]
    together = sounds(speaker(batches=True).speak(sentences))
    alone = speaker(batches=False)
    for place, utterance in enumerate(sentences):
        single = sounds(alone.speak([utterance]))[0]
        assert together[place].durations.tolist() == single.durations.tolist()
        assert len(single.samples) == single.durations.sum() * SMALL.frame
        error = together[place].samples - single.samples
        assert np.square(error).mean() < 1e-4 * np.square(single.samples).mean()


def test_the_same_sentence_is_the_same_sound_every_time() -> None:
    first, second = (sounds(speaker().speak([sentence(20)]))[0] for _ in range(2))
    assert np.array_equal(first.samples, second.samples)


def test_large_batches_are_decoded_in_parts_and_all_arrive() -> None:
    sentences = [sentence(n % 30 + 3, n) for n in range(40)]
    whole = sounds(speaker(batches=True).speak(sentences))
    parts = sounds(speaker(batches=True, seconds_at_once=3).speak(sentences))
    assert sorted(parts) == list(range(40))
    for place, spoken in whole.items():
        assert len(spoken.samples) == len(parts[place].samples)


@pytest.mark.parametrize(("size", "step", "expected"), [(1, 32, 32), (33, 32, 64), (512, 32, 512), (1030, 64, 1152)])
def test_buckets(size: int, step: int, expected: int) -> None:
    assert bucket(size, step) == expected


def test_parts_stay_within_the_limit_where_they_can() -> None:
    assert list(parts_within([1, 2, 3, 4], 6)) == [[0, 1], [2], [3]]
    assert list(parts_within([9], 6)) == [[0]]


def test_too_little_memory_makes_smaller_batches_then_an_honest_error() -> None:
    small = speaker(batches=True)
    plan = small._model.plan
    seen = []

    def tight(tokens: torch.Tensor, *rest: torch.Tensor) -> Any:
        seen.append(len(tokens))
        if len(tokens) > 2 or tokens.shape[1] > 64:
            raise torch.OutOfMemoryError("CUDA out of memory (as the card would say)")
        return plan(tokens, *rest)

    small._model.plan = tight  # type: ignore[method-assign]
    items = dict(small.speak([sentence(n) for n in (5, 6, 7, 8, 100)]))
    assert seen[0] == 8
    assert all(isinstance(items[place], Spoken) for place in range(4))
    failure = items[4]
    assert isinstance(failure, SynthesisFailed)
    assert failure.code == "out_of_memory"


def test_a_cancel_stops_inside_the_sentence() -> None:
    cancel = Cancel()
    one_by_one = speaker()
    calls = []

    def cancel_soon(module: Any, inputs: Any) -> None:
        calls.append(module)
        if len(calls) == 3:
            threading.Thread(target=cancel.set).run()

    for block in one_by_one._model.decoder.decode:
        block.register_forward_pre_hook(cancel_soon)
    items = dict(one_by_one.speak([sentence(30, cancel=cancel), sentence(5)]))
    assert isinstance(items[0], Cancelled)
    assert isinstance(items[1], Spoken)
    assert len(calls) < 8, "the decoder ran on after the cancel"


def test_an_utterance_cancelled_before_it_begins_is_left_out() -> None:
    cancel = Cancel()
    cancel.set()
    items = dict(speaker(batches=True).speak([sentence(9, cancel=cancel), sentence(12)]))
    assert isinstance(items[0], Cancelled)
    assert isinstance(items[1], Spoken)


def test_a_thousand_mixed_requests_leave_no_memory_behind() -> None:
    talker = speaker(batches=True)
    grown = []
    for round_number in range(10):
        for group in range(25):
            lengths = [3 + (round_number * 7 + group * 11 + i * 13) % 16 for i in range(4)]
            assert len(sounds(talker.speak([sentence(n) for n in lengths]))) == 4
        gc.collect()
        alive = sum(issubclass(type(item), torch.Tensor) for item in gc.get_objects())
        grown.append((alive, resident_bytes()))
    assert grown[-1][0] == grown[2][0], "tensors are kept"
    assert grown[-1][1] - grown[2][1] < 30e6, "the process grows"


def resident_bytes() -> int:
    """What the process holds, where the system says so cheaply; 0 elsewhere."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0
