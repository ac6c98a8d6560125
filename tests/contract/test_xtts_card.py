"""XTTS on a graphics card that is full, too small, broken, or left to others between sentences."""

from __future__ import annotations

import weakref
from pathlib import Path

import numpy as np
import pytest

from server.engines.base import EngineContext
from server.engines.coqui.xtts import REST_AFTER, Xtts
from server.errors import SynthesisFailed
from tests.contract.xtts_jobs import TEXTS, alone, collected, job, loaded
from tests.torch_needed import need

need("torch", "torchaudio", "TTS", command="python3 -m server install coqui")

import torch  # noqa: E402 - only where it is installed

from server.engines.coqui.decode import GptDecoder  # noqa: E402
from server.engines.coqui.xtts_model import XttsModel  # noqa: E402

pytestmark = [
    pytest.mark.contract,
    pytest.mark.filterwarnings("ignore"),  # the library's and its dependencies' own, which are many
]


@pytest.fixture(scope="module")
def models(xtts_models: Path) -> Path:
    return xtts_models


class FullCard:
    """A card on which ``begin`` finds no memory while more than ``fit`` slots are kept for sentences."""

    def __init__(self, patch: pytest.MonkeyPatch, fit: int) -> None:
        self.refused = 0
        begin = GptDecoder.begin

        def guarded(decoder: GptDecoder, *args: object, **more: object) -> object:
            if decoder.slots > fit:
                self.refused += 1
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return begin(decoder, *args, **more)  # type: ignore[arg-type]

        patch.setattr(GptDecoder, "begin", guarded)


def test_a_full_card_speaks_fewer_at_once(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    xtts = loaded(models, 4)
    jobs = [job(xtts, number, text) for number, text in enumerate(TEXTS)]
    expected = alone(xtts, jobs)
    card = FullCard(monkeypatch, fit=1)
    sound, ends, _ = collected(xtts.synthesize_batch(jobs))
    assert card.refused >= 2, "four, then two"
    assert ends == dict.fromkeys(range(4))
    assert xtts._placement is not None
    assert xtts._placement.model.slots == 1
    assert all(np.abs(sound[number] - samples).max() < 1e-3 for number, samples in expected.items())


def test_without_room_for_one_it_says_so_and_lives_on(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    xtts = loaded(models, 2)
    with monkeypatch.context() as patch:
        FullCard(patch, fit=0)
        _, ends, _ = collected(xtts.synthesize_batch([job(xtts, 0, "yes."), job(xtts, 1, "no.")]))
        for error in ends.values():
            assert isinstance(error, SynthesisFailed)
            assert error.code == "out_of_memory"
            assert "memory" in error.message
    assert alone(xtts, [job(xtts, 2, "yes.")])


def test_the_cpu_speaks_what_the_card_cannot_if_allowed(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    xtts = loaded(models, 2)
    jobs = [job(xtts, 0, "yes."), job(xtts, 1, TEXTS[3])]
    expected = alone(xtts, jobs)
    placement = xtts._placement
    assert placement is not None
    placement._cpu_fallback = True  # refused where the device is the CPU itself
    begin = GptDecoder.begin

    def full(decoder: GptDecoder, *args: object, **more: object) -> object:
        if placement.model._decoder is decoder:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return begin(decoder, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(GptDecoder, "begin", full)
    sound, ends, _ = collected(xtts.synthesize_batch(jobs))
    assert ends == dict.fromkeys(range(2))
    assert all(np.abs(sound[number] - samples).max() < 1e-3 for number, samples in expected.items())
    assert placement._spare is not None
    xtts.rest()
    assert placement._spare is None


@pytest.mark.parametrize("allowed", [False, True])
def test_a_card_without_room_for_the_model(allowed: bool, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU loads it if that is allowed; else the engine says why it cannot be loaded."""
    make, whole = GptDecoder.__init__, XttsModel.__init__
    on_card = True

    def full(decoder: GptDecoder, gpt: object, slots: int) -> None:
        if on_card:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        make(decoder, gpt, slots)  # type: ignore[arg-type]

    def placed(model: XttsModel, folder: object, device: torch.device, *args: object, **more: object) -> None:
        nonlocal on_card
        on_card = device.type != "cpu"
        whole(model, folder, torch.device("cpu"), *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(GptDecoder, "__init__", full)
    monkeypatch.setattr(XttsModel, "__init__", placed)
    monkeypatch.setattr("server.engines.torch_runtime.open_device", lambda name, memory: torch.device("meta"))
    xtts = Xtts(EngineContext(models=models, options={"cpu_fallback": allowed, "precision": "float32"}))
    if allowed:
        xtts.load()
        assert alone(xtts, [job(xtts, 0, "yes.")])
    else:
        with pytest.raises(SynthesisFailed, match="memory") as caught:
            xtts.load()
        assert caught.value.code == "out_of_memory"


@pytest.mark.parametrize("step", ["begin", "advance", "drop"])
def test_a_broken_card_asks_for_a_new_process(step: str, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From then on everything on the card fails, the cleaning up too."""
    xtts = loaded(models, 2)
    is_broken = False

    def breaking(name: str) -> None:
        real = getattr(GptDecoder, name)

        def guarded(decoder: GptDecoder, *args: object, **more: object) -> object:
            nonlocal is_broken
            is_broken = is_broken or name == step
            if is_broken:
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            return real(decoder, *args, **more)

        monkeypatch.setattr(GptDecoder, name, guarded)

    for name in ("begin", "advance", "drop"):
        breaking(name)
    with pytest.raises(SynthesisFailed) as caught:
        list(xtts.synthesize_batch([job(xtts, 0, "yes."), job(xtts, 1, "no.")]))
    assert caught.value.code == "restart_worker"


# Left to others


def test_after_a_rest_only_those_join_who_still_fit(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    xtts = loaded(models, 4)
    xtts.rest()
    make = GptDecoder.__init__

    def tight(decoder: GptDecoder, gpt: object, slots: int) -> None:
        if slots > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        make(decoder, gpt, slots)  # type: ignore[arg-type]

    monkeypatch.setattr(GptDecoder, "__init__", tight)
    _, ends, _ = collected(xtts.synthesize_batch([job(xtts, number, text) for number, text in enumerate(TEXTS)]))
    assert ends == dict.fromkeys(range(4))
    assert xtts.at_once == 2


def test_a_smaller_decoder_is_made_when_the_larger_has_gone(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both at once would need half as much again of what was too much already."""
    xtts = loaded(models, 4)
    xtts.rest()
    warm, alive = GptDecoder.warm, list[weakref.ref[GptDecoder]]()

    def tight(decoder: GptDecoder, *, graphs: bool) -> object:
        alive.append(weakref.ref(decoder))
        if decoder.slots > 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        assert [other() for other in alive[:-1]] == [None, None]
        return warm(decoder, graphs=graphs)

    monkeypatch.setattr(GptDecoder, "warm", tight)
    assert xtts._placement is not None
    assert xtts._placement.model.decoder().slots == 1
    assert len(alive) == 3


def test_it_rests_in_main_memory_and_wakes(models: Path) -> None:
    xtts = loaded(models, 4)
    before = alone(xtts, [job(xtts, 0, "yes.")])
    xtts.rest()
    assert xtts._placement is not None
    assert xtts._placement.model._decoder is None
    after = alone(xtts, [job(xtts, 0, "yes.")])
    assert np.array_equal(before[0], after[0])
    for device, low_vram, rest_after in (("cuda", True, REST_AFTER), ("cuda", False, None), ("cpu", True, None)):
        engine = Xtts(EngineContext(device=device, models=models, options={"low_vram": low_vram}))
        assert engine.rest_after == rest_after
