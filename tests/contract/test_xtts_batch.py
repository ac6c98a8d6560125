"""XTTS speaking for several listeners at once: joining, leaving, waiting, and failing alone."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from server.audio.chunk import AudioChunk
from server.engines.base import Cancel, Job, SynthesisOptions
from server.engines.coqui.xtts import Xtts
from server.errors import Cancelled, InvalidRequest, NotFound, SpeechError, SynthesisFailed
from server.text.piece import Piece
from server.voices.voice import Voice
from tests.contract.xtts_jobs import TEXTS, alone, arrivals, collected, job, loaded
from tests.torch_needed import need

need("torch", "torchaudio", "TTS", command="python3 -m server install coqui")

import torch  # noqa: E402 - only where it is installed

from server.engines.coqui.decode import GptDecoder  # noqa: E402

pytestmark = [
    pytest.mark.contract,
    pytest.mark.filterwarnings("ignore"),  # the library's and its dependencies' own, which are many
]


@pytest.fixture(scope="module")
def models(xtts_models: Path) -> Path:
    return xtts_models


@pytest.fixture(scope="module")
def xtts(models: Path) -> Xtts:
    return loaded(models, 4)


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


def test_a_batch_that_is_left_leaves_nothing_behind(xtts: Xtts) -> None:
    said = xtts.synthesize_batch([job(xtts, number, text) for number, text in enumerate(TEXTS)])
    next(said)
    said.close()  # type: ignore[attr-defined] # a generator, as all of them are
    assert xtts._placement is not None
    assert xtts._placement.model.decoder().free == 4


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
