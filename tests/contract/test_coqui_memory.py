"""The library's models in memory: taking turns, unloaded, and on a graphics card that is full."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.engines.base import EngineContext, SynthesisOptions
from server.engines.coqui.vits import KEPT_MODELS, CoquiVits
from server.engines.registry import EngineRegistry
from server.engines.setup import EngineSetup
from server.engines.table import ENGINES
from server.errors import NotFound, SynthesisFailed, Unavailable
from server.voices.voice import Voice
from tests.contract.coqui_said import loaded, piece, said
from tests.torch_needed import need

need("torch", "torchaudio", "TTS", command="python3 -m server install coqui-vits")

import torch  # noqa: E402 - only where it is installed

from tests.contract.coqui_models import make_vits  # noqa: E402
from tests.contract.coqui_speaking import make_speaking  # noqa: E402

pytestmark = [
    pytest.mark.contract,
    pytest.mark.filterwarnings("ignore"),  # the library's and its dependencies' own, which are many
]


def test_models_take_turns_in_memory(tmp_path: Path) -> None:
    make_speaking(tmp_path / "a")
    for name in "bcde":
        shutil.copytree(tmp_path / "a", tmp_path / name)
    told: list[str] = []
    engine = loaded(tmp_path, told)
    assert [*engine._loaded] == ["c", "d", "e"]
    assert len(engine._loaded) == KEPT_MODELS
    said(engine, "c")
    said(engine, "a")
    assert [*engine._loaded] == ["e", "c", "a"]
    assert told.count("Loading a") == 2
    with pytest.raises(NotFound):
        next(engine.synthesize(piece(), Voice("f", "coqui-vits", "f"), SynthesisOptions()))


def test_the_engine_is_loaded_switched_and_unloaded(tmp_path: Path) -> None:
    make_speaking(tmp_path / "coqui-vits" / "mine")
    table = {name: ENGINES[name] for name in ("coqui-vits", "tone")}

    async def run() -> list[tuple[str, int, bool]]:
        registry = EngineRegistry(EngineSetup(models=tmp_path, threads=2), table)
        heard = []
        try:
            for name in ("coqui-vits", "tone", "coqui-vits"):
                await registry.load(name)
                voice = registry.voices()[0]
                chunks = [chunk async for chunk in registry.speak(piece(), voice, SynthesisOptions())]
                heard.append((voice.id, chunks[0].rate, registry.memory()["process"] > 100_000_000))
            await registry.unload()
            assert registry.memory() == {}
            return heard
        finally:
            await registry.close()

    assert asyncio.run(run()) == [("mine", 22_050, True), ("low", 24_000, False), ("mine", 22_050, True)]


class Card:
    """Stands in for a graphics card (as torch's meta device, on which nothing is computed) with room for ``fit``."""

    def __init__(self, patch: pytest.MonkeyPatch, engine: CoquiVits, fit: int) -> None:
        # Only now: an engine that was loaded has made torchaudio importable beside this build of torch.
        from server.engines.coqui.speech_model import SpeechModel

        self.tries: list[str] = []
        engine._device = torch.device("meta")
        for model in engine._loaded.values():
            model._device = engine._device
        build, speak = SpeechModel.__init__, SpeechModel.speak

        def built(model: Any, folder: Any, vocoder: Any, device: torch.device) -> None:
            build(model, folder, vocoder, torch.device("cpu"))
            model._device = device

        def spoken(model: Any, *args: Any) -> Any:
            self.tries.append(model._device.type)
            if model._device.type == "meta" and len(engine._loaded) > fit:
                raise torch.OutOfMemoryError("CUDA out of memory.")
            return speak(model, *args)

        patch.setattr(SpeechModel, "__init__", built)
        patch.setattr(SpeechModel, "speak", spoken)


def test_a_full_card_first_loses_its_other_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        make_vits(tmp_path / name)
    engine = loaded(tmp_path)
    expected = said(engine, "b").samples
    card = Card(monkeypatch, engine, fit=1)
    assert np.array_equal(said(engine, "b").samples, expected)
    assert card.tries == ["meta", "meta"]
    assert [*engine._loaded] == ["b"]


def test_then_the_cpu_speaks_if_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_vits(tmp_path / "a")
    for allowed in (False, True):
        engine = CoquiVits(EngineContext(models=tmp_path, options={"cpu_fallback": allowed}))
        engine.load()
        with monkeypatch.context() as patch:
            card = Card(patch, engine, fit=0)
            if allowed:
                said(engine, "a")
                assert card.tries == ["meta", "meta", "cpu"]
            else:
                with pytest.raises(SynthesisFailed, match="memory") as caught:
                    said(engine, "a")
                assert caught.value.code == "out_of_memory"
                assert card.tries == ["meta", "meta"]


def test_a_model_for_which_the_card_has_no_room_is_loaded_by_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_vits(tmp_path / "a")
    loaded(tmp_path)  # and torchaudio is importable
    from server.engines.coqui.speech_model import SpeechModel

    build = SpeechModel.__init__

    def built(model: Any, folder: Any, vocoder: Any, device: torch.device) -> None:
        if device.type != "cpu":
            raise torch.OutOfMemoryError("CUDA out of memory.")
        build(model, folder, vocoder, device)

    monkeypatch.setattr(SpeechModel, "__init__", built)
    monkeypatch.setattr("server.engines.torch_runtime.open_device", lambda name, memory: torch.device("meta"))
    with pytest.raises(Unavailable, match="out of memory"):
        loaded(tmp_path)
    engine = CoquiVits(EngineContext(models=tmp_path, options={"cpu_fallback": True}))
    engine.load()
    assert said(engine, "a").seconds > 0
