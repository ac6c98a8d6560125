"""XTTS on the library's own classes, shrunk, with random weights: the true path, end to end."""

from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.engines.base import Cancel, EngineContext, SynthesisOptions
from server.engines.coqui.xtts import Xtts
from server.engines.coqui.xtts_files import (
    FILES,
    accept_licence,
    is_licence_accepted,
    obtain_xtts,
)
from server.errors import Cancelled, InvalidRequest, NotFound, SynthesisFailed, Unavailable
from server.text.piece import Piece
from server.voices.voice import Voice
from tests.contract.payload import Payload
from tests.torch_needed import need

need("torch", "torchaudio", "TTS", command="python3 -m server install coqui")

import torch  # noqa: E402 - only where it is installed

from server.engines.coqui.decode import ROUND, GptDecoder  # noqa: E402
from server.engines.coqui.placement import Placement  # noqa: E402
from server.engines.coqui.sampling import Sampling  # noqa: E402
from server.engines.coqui.shared import model_folders  # noqa: E402
from server.engines.coqui.vocoder import StreamingVocoder  # noqa: E402
from server.engines.coqui.xtts_model import XttsModel, load_network, token_limits  # noqa: E402

pytestmark = [
    pytest.mark.contract,
    pytest.mark.filterwarnings("ignore"),  # the library's and its dependencies' own, which are many
]

TEXT = "hello there, how are you?"


@pytest.fixture(scope="module")
def models(xtts_models: Path) -> Path:
    return xtts_models


@pytest.fixture(scope="module")
def xtts(models: Path) -> Xtts:
    engine = Xtts(EngineContext(models=models, threads=2))
    engine.load()
    return engine


def piece(text: str = TEXT) -> Piece:
    return Piece(text, 0, len(text))


def placement_of(engine: Xtts) -> Placement:
    assert engine._placement is not None
    return engine._placement


def voice_of(engine: Xtts, voice_id: str) -> Voice:
    return next(voice for voice in engine.voices() if voice.id == voice_id)


def clip(path: Path, seconds: float, hertz: float = 150.0, channels: int = 1) -> str:
    time = np.arange(round(seconds * 24_000)) / 24_000
    samples = (8_000 * np.sign(np.sin(2 * np.pi * hertz * time)) * np.sin(3 * time)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, 24_000, 0, "NONE", ""))
        file.writeframes(np.repeat(samples, channels).tobytes())
    return str(path)


def test_builtin_speakers_of_every_folder_are_voices(xtts: Xtts) -> None:
    assert [voice.id for voice in xtts.voices()] == ["mine/Ann", "mine/Bob", "other/Cid"]


def test_a_sentence_streams_and_is_the_same_each_time(xtts: Xtts) -> None:
    ann = voice_of(xtts, "mine/Ann")
    options = SynthesisOptions(values={"seed": 3})
    first = [chunk.samples for chunk in xtts.synthesize(piece(), ann, options)]
    again = [chunk.samples for chunk in xtts.synthesize(piece(), ann, options)]
    other = [chunk.samples for chunk in xtts.synthesize(piece(), ann, SynthesisOptions(values={"seed": 4}))]
    assert len(first) > 1
    assert np.array_equal(np.concatenate(first), np.concatenate(again))
    assert not np.array_equal(np.concatenate(first)[:4_000], np.concatenate(other)[:4_000])
    assert len(first[0]) < 24_000 * 0.5, "the first chunk is short"


def test_another_models_voice_switches_to_it_and_back(xtts: Xtts) -> None:
    for voice_id in ("other/Cid", "mine/Bob"):
        assert list(xtts.synthesize(piece("yes."), voice_of(xtts, voice_id), SynthesisOptions()))
        assert placement_of(xtts).name == voice_id.split("/")[0]


def said(decoder: GptDecoder, prefix: torch.Tensor, sampling: Sampling, least: int, most: int) -> torch.Tensor:
    """All latents of one sentence."""
    sentence = decoder.begin(prefix, sampling, least=least, most=most)
    while not sentence.ended:
        decoder.advance()
    latents = sentence.take()
    decoder.drop(sentence)
    return latents if latents is not None else torch.zeros(0)


def test_our_decoding_is_the_librarys(xtts: Xtts, models: Path) -> None:
    """With nothing left to chance: the same tokens, latents within rounding, and the same sound."""
    folder = next(iter(model_folders(models)))
    ours, library = XttsModel(folder, torch.device("cpu"), torch.float32, slots=1), load_network(folder)
    voice = ours.builtin("Ann")
    tokens = torch.tensor([ours.tokens(TEXT, "en")])
    with torch.inference_mode():
        inputs = library.gpt.compute_embeddings(voice.conditioning, tokens)
        theirs = list(
            library.gpt.get_generator(
                fake_inputs=inputs, top_k=1, top_p=0.85, temperature=0.75, do_sample=True, num_beams=1,
                num_return_sequences=1, length_penalty=1.0, repetition_penalty=10.0, output_attentions=False,
                output_hidden_states=True, return_dict_in_generate=True,
            )
        )  # fmt: skip
    own = said(ours.decoder(), ours.prefix(TEXT, "en", voice), Sampling(top_k=1), 0, 999)
    latents = torch.cat([latent for _, latent in theirs])
    stopped = int(theirs[-1][0]) == library.gpt.stop_audio_token
    assert len(own) == len(theirs) - stopped
    torch.testing.assert_close(own, latents[: len(own)], atol=1e-4, rtol=1e-4)
    whole = library.hifigan_decoder(own[None], g=voice.speaker)[0, 0]
    vocoder = StreamingVocoder(library.hifigan_decoder, voice.speaker, 1.0)
    sound = torch.cat([*(vocoder.add(part) for part in own.split(4)), vocoder.finish()])
    assert len(sound) == len(whole)
    torch.testing.assert_close(sound, whole, atol=1e-4, rtol=0)


def test_sentences_spoken_together_are_those_spoken_alone(models: Path) -> None:
    """Others begin, end and are dropped meanwhile; rows are moved; none of it changes a token."""
    model = XttsModel(next(iter(model_folders(models))), torch.device("cpu"), torch.float32, slots=3)
    decoder, voice = model.decoder(), model.builtin("Bob")
    texts = ("hello there", "one two three four five six seven", "yes", "a longer one, with some more words in it")
    wishes = [
        (model.prefix(text, "en", voice), Sampling(seed=seed, top_k=3 + seed), *token_limits(text, "en"))
        for seed, text in enumerate(texts)
    ]
    alone = [said(decoder, *wish) for wish in wishes]
    waiting, running, found = list(range(len(texts))), {}, {}
    dropped = decoder.begin(wishes[3][0], Sampling(seed=99), least=90, most=99)
    for turn in range(200):
        while waiting and decoder.free:
            number = waiting.pop(0)
            prefix, sampling, least, most = wishes[number]
            running[number] = decoder.begin(prefix, sampling, least=least, most=most)
        if turn == 1:
            decoder.drop(dropped)
        decoder.advance()
        for number, sentence in list(running.items()):
            if sentence.ended:
                found[number] = sentence.take()
                decoder.drop(running.pop(number))
        if len(found) == len(texts):
            break
    assert decoder.free == 3
    for number, latents in enumerate(alone):
        assert len(latents) > 2
        torch.testing.assert_close(found[number], latents, atol=1e-4, rtol=1e-4)
    assert len({len(latents) for latents in alone}) > 1


def test_speech_is_neither_cut_off_nor_endless(xtts: Xtts) -> None:
    decoder = placement_of(xtts).model.decoder()
    prefix = torch.randn(1, 40, 64)
    for least, most in ((5, 9), (30, 40)):
        assert least <= len(said(decoder, prefix, Sampling(), least, most)) <= most
    long = said(decoder, prefix, Sampling(), 999, 999)
    assert len(long) > 10 * ROUND, "as far as the model reaches"
    short, longer = token_limits("Yes.", "en"), token_limits("a" * 200, "en")
    assert short[0] >= 3
    assert short[1] < 50
    assert longer[0] > short[1]
    assert token_limits("你好吗", "zh")[0] > token_limits("abc", "en")[0]


def test_a_text_too_long_for_the_model_is_cut_between_words(xtts: Xtts) -> None:
    model = placement_of(xtts).model
    text = "one two three four five " * 12
    parts = model.parts(text, "en")
    assert len(parts) > 1
    assert " ".join(parts).split() == text.split()
    assert all(len(model.tokens(part, "en")) < 100 for part in parts)
    chunks = list(xtts.synthesize(piece(text), xtts.voices()[0], SynthesisOptions()))
    least = sum(token_limits(part, "en")[0] for part in parts)
    assert sum(chunk.seconds for chunk in chunks) > 0.9 * least / 21.5, "every part is heard"


def test_speed_changes_the_length(xtts: Xtts) -> None:
    lengths = {}
    for speed in (0.8, 1.25):
        options = SynthesisOptions(speed=speed, values={"top_k": 1})
        lengths[speed] = sum(chunk.seconds for chunk in xtts.synthesize(piece(), xtts.voices()[0], options))
    assert lengths[0.8] == pytest.approx(lengths[1.25] * 1.25 / 0.8, rel=0.1)


def test_a_voice_is_cloned_from_its_clips_once(xtts: Xtts, tmp_path: Path) -> None:
    clips = (clip(tmp_path / "a.wav", 2), clip(tmp_path / "b.wav", 1.5, 300, channels=2))
    voice = Voice("mine", "xtts", "Mine", kind="clone", clips=clips)
    xtts.prepare_voice(voice)
    assert xtts._cloned is not None
    before = len(xtts._cloned)
    assert list(xtts.synthesize(piece("yes."), voice, SynthesisOptions()))
    assert len(xtts._cloned) == before
    kept = xtts._latents_of(voice)
    clip(tmp_path / "a.wav", 2, 90)
    assert xtts._latents_of(voice) is not kept, "a clip that changed is heard again"


def test_clips_that_cannot_be_used_are_refused(xtts: Xtts, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    for path, words in ((clip(tmp_path / "short.wav", 0.2), "second"), (str(tmp_path / "broken.wav"), "broken")):
        with pytest.raises(InvalidRequest, match=words):
            xtts.prepare_voice(Voice("bad", "xtts", "Bad", kind="clone", clips=(path,)))


def test_a_cancel_stops_inside_the_sentence(xtts: Xtts) -> None:
    cancel = Cancel()
    said = xtts.synthesize(piece("one two three four five " * 3), xtts.voices()[0], SynthesisOptions(cancel=cancel))
    next(said)
    cancel.set()
    with pytest.raises(Cancelled):
        next(said)


def test_unknown_voices_and_languages_are_refused(xtts: Xtts) -> None:
    with pytest.raises(NotFound):
        list(xtts.synthesize(piece(), Voice("mine/Zed", "xtts", "Zed"), SynthesisOptions()))
    with pytest.raises(InvalidRequest, match="fi"):
        list(xtts.synthesize(piece(), xtts.voices()[0], SynthesisOptions(language="fi")))


def test_the_licence_comes_before_the_weights(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="non-commercial") as caught:
        Xtts(EngineContext(models=tmp_path / "none")).load()
    assert caught.value.code == "licence_not_accepted"
    accept_licence(tmp_path)
    assert is_licence_accepted(tmp_path)
    assert all(file.url.startswith("https://") and len(file.sha256) == 64 for file in FILES)


def test_a_damaged_download_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: Any, *args: Any, **more: Any) -> Any:
        raise OSError("no network")

    monkeypatch.setattr("urllib.request.OpenerDirector.open", refuse)
    accept_licence(tmp_path)
    folder = tmp_path / "tts_models--multilingual--multi-dataset--xtts_v2"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Unavailable, match=r"config\.json"):
        obtain_xtts(tmp_path, lambda detail, fraction: None)


def test_speakers_that_cannot_be_read_are_named(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "mine", tmp_path / "models" / "odd")
    torch.save({"a": Payload(tmp_path / "ran")}, tmp_path / "models" / "odd" / "speakers_xtts.pth")
    with pytest.raises(SynthesisFailed, match="odd"):
        Xtts(EngineContext(models=tmp_path / "models")).load()
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("kind", ["hostile", "damaged", "another"])
def test_a_folder_that_cannot_be_used_does_nothing_and_is_named(kind: str, models: Path, tmp_path: Path) -> None:
    broken = tmp_path / "models" / "broken"
    shutil.copytree(models / "mine", broken)
    mark = tmp_path / "ran"
    if kind == "hostile":
        torch.save({"model": Payload(mark)}, broken / "model.pth")
    elif kind == "damaged":
        (broken / "model.pth").write_bytes(b"PK\x03\x04 nothing")
    else:
        (broken / "config.json").write_text(json.dumps({"model": "tacotron"}), encoding="utf-8")
    with pytest.raises(SynthesisFailed, match="broken") as caught:
        Xtts(EngineContext(models=tmp_path / "models")).load()
    assert caught.value.code == "bad_weights"
    assert not mark.exists()
