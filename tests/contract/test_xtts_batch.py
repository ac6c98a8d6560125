"""XTTS speaking for several listeners at once: joining, leaving, a full card, a card left to others."""

from __future__ import annotations

import shutil
import wave
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from server.audio.chunk import AudioChunk, Samples
from server.engines.base import Cancel, EngineContext, Job, SynthesisOptions
from server.engines.coqui.xtts import REST_AFTER, Xtts
from server.errors import Cancelled, InvalidRequest, NotFound, SpeechError, SynthesisFailed
from server.text.piece import Piece
from server.voices.voice import Voice
from tests.torch_needed import need

need("torch", "torchaudio", "TTS", command="python3 -m server install coqui")

import torch  # noqa: E402 - only where it is installed

from server.engines.coqui.decode import GptDecoder  # noqa: E402
from server.engines.coqui.xtts_model import XttsModel  # noqa: E402

pytestmark = [
    pytest.mark.contract,
    pytest.mark.filterwarnings("ignore"),  # the library's and its dependencies' own, which are many
]

TEXTS = ("hello there, how are you?", "yes.", "one two three four five six seven eight.", "fine, and you?")
Item = AudioChunk | SpeechError | None


@pytest.fixture(scope="module")
def models(xtts_models: Path) -> Path:
    return xtts_models


@pytest.fixture(scope="module")
def xtts(models: Path) -> Xtts:
    return loaded(models, 4)


def loaded(models: Path, at_once: int) -> Xtts:
    engine = Xtts(EngineContext(models=models, threads=2, options={"sentences_at_once": at_once}))
    engine.load()
    return engine


def voice(engine: Xtts, voice_id: str = "mine/Ann") -> Voice:
    return next(voice for voice in engine.voices() if voice.id == voice_id)


def job(engine: Xtts, number: int, text: str, voice_id: str = "mine/Ann", cancel: Cancel | None = None) -> Job:
    options = SynthesisOptions(values={"seed": number}, cancel=cancel or Cancel())
    return Job(number, Piece(text, 0, len(text)), voice(engine, voice_id), options)


def collected(items: Iterator[tuple[int, Item]]) -> tuple[dict[int, Samples], dict[int, SpeechError | None], list[int]]:
    """Sound by job, how each ended, and the order of their ends."""
    sound: dict[int, list[Samples]] = {}
    ends: dict[int, SpeechError | None] = {}
    for number, item in items:
        assert number not in ends, "nothing comes after an end"
        if isinstance(item, AudioChunk):
            sound.setdefault(number, []).append(item.samples)
        else:
            ends[number] = item
    return {number: np.concatenate(parts) for number, parts in sound.items()}, ends, list(ends)


def alone(engine: Xtts, jobs: Sequence[Job]) -> dict[int, Samples]:
    return {
        one.id: np.concatenate([c.samples for c in engine.synthesize(one.piece, one.voice, one.options)])
        for one in jobs
    }


def arrivals(*groups: Sequence[Job]) -> Callable[[int], Sequence[Job]]:
    """Who comes at each time of asking; empty groups for nobody."""
    waiting = list(groups)
    return lambda most: waiting.pop(0) if waiting and len(waiting[0]) <= most else ()


def test_listeners_share_the_model_and_join_in_mid_sentence(xtts: Xtts) -> None:
    jobs = [job(xtts, number, text) for number, text in enumerate(TEXTS)]
    expected = alone(xtts, jobs)
    sound, ends, order = collected(xtts.synthesize_batch(jobs[:2], arrivals((), (), jobs[2:])))
    assert ends == dict.fromkeys(range(4))
    assert order != [0, 1, 2, 3], "the short one does not wait for the long one"
    for number, samples in expected.items():
        assert len(sound[number]) == len(samples)
        assert np.abs(sound[number] - samples).max() < 1e-3


def test_more_than_fit_wait_their_turn(models: Path) -> None:
    engine = loaded(models, 2)
    jobs = [job(engine, number, TEXTS[number % 4]) for number in range(5)]
    sound, ends, _ = collected(engine.synthesize_batch(jobs))
    assert ends == dict.fromkeys(range(5))
    assert all(len(samples) for samples in sound.values())


def test_a_voice_of_another_model_waits_for_those_before_it(xtts: Xtts) -> None:
    jobs = [job(xtts, 0, TEXTS[0]), job(xtts, 1, "yes.", "other/Cid"), job(xtts, 2, "no.")]
    sound, ends, order = collected(xtts.synthesize_batch(jobs))
    assert order == [0, 1, 2]
    assert ends == dict.fromkeys(range(3))
    assert set(sound) == {0, 1, 2}


def test_one_failure_is_one_listeners_alone(xtts: Xtts) -> None:
    nobody = Job(1, Piece("hello", 0, 5), Voice("mine/Zed", "xtts", "Zed"), SynthesisOptions())
    gone = Cancel()
    gone.set()
    jobs = [job(xtts, 0, TEXTS[0]), nobody, job(xtts, 2, "left already", cancel=gone)]
    leaver = Cancel()
    jobs.append(job(xtts, 3, TEXTS[2], cancel=leaver))
    sound: list[int] = []
    ends: dict[int, SpeechError | None] = {}
    for number, item in xtts.synthesize_batch(jobs):
        if isinstance(item, AudioChunk):
            sound.append(number)
            if number == 3:
                leaver.set()
        else:
            ends[number] = item
    assert ends[0] is None
    assert isinstance(ends[1], NotFound)
    assert isinstance(ends[2], Cancelled)
    assert isinstance(ends[3], Cancelled)
    assert sound.count(3) == 1
    assert 2 not in sound


def test_a_batch_that_is_left_leaves_nothing_behind(xtts: Xtts) -> None:
    said = xtts.synthesize_batch([job(xtts, number, text) for number, text in enumerate(TEXTS)])
    next(said)
    said.close()  # type: ignore[attr-defined] # a generator, as all of them are
    assert xtts._placement is not None
    assert xtts._placement.model.decoder().free == 4


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


def test_what_was_heard_is_not_said_again(xtts: Xtts, monkeypatch: pytest.MonkeyPatch) -> None:
    advance, rounds = GptDecoder.advance, 0

    def tiring(decoder: GptDecoder, *args: object) -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        advance(decoder, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(GptDecoder, "advance", tiring)
    sound, ends, _ = collected(xtts.synthesize_batch([job(xtts, 0, 3 * TEXTS[2])]))
    assert 0 in sound
    assert isinstance(ends[0], SynthesisFailed)
    assert ends[0].code == "out_of_memory"


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


def test_what_no_library_may_raise_is_one_listeners_alone(xtts: Xtts, monkeypatch: pytest.MonkeyPatch) -> None:
    assert xtts._placement is not None
    model = xtts._placement.model
    prefix, parts = model.prefix, model.parts

    def odd_prefix(text: str, *args: object) -> object:
        if "odd" in text:
            raise KeyError("a token nobody knows")
        return prefix(text, *args)  # type: ignore[arg-type]

    def odd_parts(text: str, *args: object) -> object:
        if "strange" in text:
            raise OverflowError("too much")
        return parts(text, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(model, "prefix", odd_prefix)
    monkeypatch.setattr(model, "parts", odd_parts)
    jobs = [job(xtts, 0, "an odd one"), job(xtts, 1, TEXTS[0]), job(xtts, 2, "a strange one")]
    sound, ends, _ = collected(xtts.synthesize_batch(jobs))
    assert ends[1] is None
    assert len(sound[1])
    for number, word in ((0, "KeyError"), (2, "OverflowError")):
        error = ends[number]
        assert isinstance(error, SynthesisFailed)
        assert word in error.message


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


def test_clones_find_back_when_a_switch_has_failed(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models, tmp_path / "models")
    xtts = loaded(tmp_path / "models", 2)
    (tmp_path / "models" / "other" / "model.pth").write_bytes(b"damaged")
    clip = tmp_path / "clip.wav"
    with wave.open(str(clip), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        time = np.arange(48_000) / 24_000
        file.writeframes((8_000 * np.sign(np.sin(900 * time)) * np.sin(3 * time)).astype("<i2").tobytes())
    _, ends, _ = collected(xtts.synthesize_batch([job(xtts, 0, "yes.", "other/Cid")]))
    assert isinstance(ends[0], SynthesisFailed)
    clone = Voice("me", "xtts", "Me", kind="clone", clips=(str(clip),))
    assert list(xtts.synthesize(Piece("yes.", 0, 4), clone, SynthesisOptions()))


def test_a_clip_that_was_cut_off_is_refused(xtts: Xtts, tmp_path: Path) -> None:
    clip = tmp_path / "cut.wav"
    with wave.open(str(clip), "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(bytes(96_000))
    clip.write_bytes(clip.read_bytes()[:-1])
    with pytest.raises(InvalidRequest, match=r"cut\.wav"):
        xtts.prepare_voice(Voice("bad", "xtts", "Bad", kind="clone", clips=(str(clip),)))


def test_it_rests_in_main_memory_and_wakes(xtts: Xtts, models: Path) -> None:
    before = alone(xtts, [job(xtts, 0, "yes.")])
    xtts.rest()
    assert xtts._placement is not None
    assert xtts._placement.model._decoder is None
    after = alone(xtts, [job(xtts, 0, "yes.")])
    assert np.array_equal(before[0], after[0])
    for device, low_vram, rest_after in (("cuda", True, REST_AFTER), ("cuda", False, None), ("cpu", True, None)):
        engine = Xtts(EngineContext(device=device, models=models, options={"low_vram": low_vram}))
        assert engine.rest_after == rest_after
