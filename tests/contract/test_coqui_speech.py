"""Every kind of model in the library's list on its own classes, shrunk, with random weights: the true path."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.engines.base import Cancel, EngineContext, SynthesisOptions
from server.engines.coqui.vits import CoquiVits
from server.errors import Cancelled, InvalidRequest, Unavailable
from tests.contract.coqui_said import TEXT, loaded, piece, said, voice_of
from tests.torch_needed import need

need("torch", "torchaudio", "TTS", command="python3 -m server install coqui-vits")

import torch  # noqa: E402 - only where it is installed

from tests.contract.coqui_models import make_vits  # noqa: E402
from tests.contract.coqui_speaking import make_speaking, make_vocoder  # noqa: E402

pytestmark = [
    pytest.mark.contract,
    pytest.mark.filterwarnings("ignore"),  # the library's and its dependencies' own, which are many
]

MEL = "tts_models--en--ljspeech--glow-tts"
ITS_VOCODER = "vocoder_models--en--ljspeech--multiband-melgan"


def test_vits_models_speak_with_their_speakers(tmp_path: Path) -> None:
    make_vits(tmp_path / "tts_models--en--vctk--vits", ("p225", "p226"))
    make_vits(tmp_path / "mine")
    shutil.copytree(tmp_path / "mine", tmp_path / "broken")
    (tmp_path / "broken" / "model_file.pth").write_bytes(b"nothing")
    told: list[str] = []
    engine = CoquiVits(EngineContext(models=tmp_path, threads=2, report=lambda detail, share: told.append(detail)))
    engine.load()
    ids = [voice.id for voice in engine.voices()]
    assert ids == ["mine", "tts_models/en/vctk/vits/p225", "tts_models/en/vctk/vits/p226"]
    assert any("broken" in detail and "cannot be loaded" in detail for detail in told)
    said = {}
    for voice_id in ids:
        (chunk,) = engine.synthesize(piece("hello there."), voice_of(engine, voice_id), SynthesisOptions())
        assert chunk.rate == 22_050
        assert np.isfinite(chunk.samples).all()
        assert np.abs(chunk.samples).max() <= 1
        said[voice_id] = chunk.samples
    assert len({len(samples) for samples in said.values()} | {float(s.std()) for s in said.values()}) > 2
    slow = next(iter(engine.synthesize(piece("hello there."), engine.voices()[0], SynthesisOptions(speed=0.7))))
    assert len(slow.samples) > len(said["mine"])
    cancel = Cancel()
    cancel.set()
    with pytest.raises(Cancelled):
        list(engine.synthesize(piece(), engine.voices()[0], SynthesisOptions(cancel=cancel)))


def test_vits_without_models_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"config\.json"):
        CoquiVits(EngineContext(models=tmp_path)).load()


@pytest.mark.parametrize(
    "kind", ["glow_tts", "tacotron2", "fast_pitch", "speedy_speech", "overflow", "neuralhmm_tts"]
)
def test_mel_models_speak_with_a_vocoder_and_without(kind: str, tmp_path: Path) -> None:
    make_speaking(tmp_path / "bare", kind)
    shutil.copytree(tmp_path / "bare", tmp_path / "whole")
    make_vocoder(tmp_path / "whole" / "vocoder")
    engine = loaded(tmp_path)
    assert [(voice.id, voice.name) for voice in engine.voices()] == [
        ("bare", "bare, without vocoder"), ("whole", "whole"),
    ]  # fmt: skip
    sounds = {voice: said(engine, voice, values={"seed": 3}) for voice in ("bare", "whole")}
    for voice, sound in sounds.items():
        assert np.array_equal(sound.samples, said(engine, voice, values={"seed": 3}).samples), "a seed fixes all"
    assert len(said(engine, "whole", values={"seed": 3}, speed=0.7).samples) >= len(sounds["whole"].samples)
    if kind in ("tacotron2", "overflow", "neuralhmm_tts"):  # which know one pace: stretched
        slow = said(engine, "whole", values={"seed": 3}, speed=0.75)
        assert slow.seconds == pytest.approx(sounds["whole"].seconds / 0.75, rel=0.02)


def test_the_vocoder_of_the_list_is_found_by_its_name(tmp_path: Path) -> None:
    make_speaking(tmp_path / MEL, "glow_tts")
    with pytest.raises(Unavailable, match="install tts_models/en/ljspeech/glow-tts"):
        loaded(tmp_path)
    make_vocoder(tmp_path / ITS_VOCODER)
    engine = loaded(tmp_path)
    assert [voice.id for voice in engine.voices()] == ["tts_models/en/ljspeech/glow-tts"], "a vocoder is no voice"
    said(engine, "tts_models/en/ljspeech/glow-tts")


def test_a_vocoder_of_another_rate_is_fed_in_its_own_time(tmp_path: Path) -> None:
    make_speaking(tmp_path / "mine", "overflow", rate=22_050)
    shutil.copytree(tmp_path / "mine", tmp_path / "higher")
    make_vocoder(tmp_path / "mine" / "vocoder")
    make_vocoder(tmp_path / "higher" / "vocoder", rate=44_100, published=False)
    engine = loaded(tmp_path)
    assert engine._loaded["higher"].rate == 44_100
    for name in ("mine", "higher"):
        vocoder = engine._loaded[name]._vocoder
        assert vocoder is not None
        assert vocoder.model_d is None, "no memory for what only judges"
    # The vocoder lays five frames on either end, which are shorter at the higher rate.
    assert said(engine, "higher").seconds == pytest.approx(said(engine, "mine").seconds, abs=0.06)


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_a_model_of_another_rate_is_heard_at_its_own_pace(rate: int, tmp_path: Path) -> None:
    make_speaking(tmp_path / "mine", rate=rate)
    engine = loaded(tmp_path)
    model = engine._loaded["mine"]
    own = model.speak(TEXT, None, None, 1.0, 0, Cancel())
    assert said(engine, "mine").seconds == pytest.approx(len(own) / rate, abs=1e-4)


def test_your_tts_speaks_with_its_kept_vectors_and_no_encoder(tmp_path: Path) -> None:
    folder = make_speaking(tmp_path / "mine")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    vectors = {
        f"{name}/{take}": {"name": name, "embedding": list(np.linspace(at - 1, 1, 64))}
        for at, name in enumerate(("female-en-5", "male-pt-3"))
        for take in range(2)
    }
    (folder / "speakers.json").write_text(json.dumps(vectors), encoding="utf-8")
    (folder / "config_se.json").write_text("{}", encoding="utf-8")
    (folder / "model_se.pth").write_bytes(b"never read")
    for holder in (config, config["model_args"]):
        holder.update(use_d_vector_file=True, d_vector_file=["/home/trainer/speakers.json"], d_vector_dim=64)
    config["model_args"].update(
        speaker_encoder_model_path="/home/trainer/model_se.pth", use_speaker_encoder_as_loss=True,
        speaker_encoder_config_path="/home/trainer/config_se.json",
    )  # fmt: skip
    from TTS.tts.configs.vits_config import VitsConfig
    from TTS.tts.models import setup_model

    own: Any = VitsConfig()
    own.from_dict(config)
    for holder in (own, own.model_args):
        holder["d_vector_file"] = [str(folder / "speakers.json")]
    own.model_args.speaker_encoder_model_path = own.model_args.speaker_encoder_config_path = ""
    own.model_args.use_speaker_encoder_as_loss = False
    torch.save({"model": setup_model(own).state_dict()}, folder / "model_file.pth")
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    engine = loaded(tmp_path)
    assert [voice.id for voice in engine.voices()] == ["mine/female-en-5", "mine/male-pt-3"]
    first, second = (said(engine, voice.id).samples for voice in engine.voices())
    assert not np.array_equal(first[:2_000], second[:2_000])


def test_a_cancel_stops_between_two_steps(tmp_path: Path) -> None:
    make_speaking(tmp_path / "mine", "neuralhmm_tts")
    engine = loaded(tmp_path)
    model = engine._loaded["mine"]._model
    steps = 0
    cancel = Cancel()

    def count(*_: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == 5:
            cancel.set()

    hook = model.neural_hmm.memory_rnn.register_forward_hook(count)
    with pytest.raises(Cancelled):
        said(engine, "mine", cancel=cancel)
    assert steps == 5
    hook.remove()
    said(engine, "mine")


def test_a_model_that_babbles_is_stopped(tmp_path: Path) -> None:
    folder = make_speaking(tmp_path / "mine", "tacotron2")
    state = torch.load(folder / "model_file.pth", weights_only=True)
    state["model"]["decoder.stopnet.1.linear_layer.bias"].fill_(-1_000)  # it never thinks that all is said
    torch.save(state, folder / "model_file.pth")
    engine = loaded(tmp_path)
    most = engine._loaded["mine"]._model.decoder.max_decoder_steps
    assert 2 < said(engine, "mine", "Yes.").seconds < 4
    assert engine._loaded["mine"]._model.decoder.max_decoder_steps < most


# Languages


def test_several_languages_are_told_apart(tmp_path: Path) -> None:
    name = "tts_models--multilingual--multi-dataset--your_tts"
    make_speaking(tmp_path / name, speakers=("a", "b"), languages=("en", "fr-fr", "pt-br"))
    engine = loaded(tmp_path)
    voice = f"{name.replace('--', '/')}/b"
    assert voice_of(engine, voice).languages == ("en", "fr-fr", "pt-br")
    sounds = [said(engine, voice, language=language).samples for language in ("en", "fr", "pt-br")]
    assert len({float(sound.std()) for sound in sounds}) == 3
    with pytest.raises(InvalidRequest, match="not de"):
        said(engine, voice, language="de")


def test_phonemes_need_no_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **more: Any) -> Any:
        raise AssertionError("a program was called")

    monkeypatch.setattr(subprocess, "run", refuse)
    monkeypatch.setenv("PATH", "")
    make_speaking(tmp_path / "tts_models--en--vctk--vits", phonemes="en-us", speakers=("p225", "p226"))
    make_speaking(tmp_path / "tts_models--de--mine--vits", phonemes="de")
    engine = loaded(tmp_path)
    assert [(voice.id, voice.languages) for voice in engine.voices()] == [
        ("tts_models/de/mine/vits", ("de",)), ("tts_models/en/vctk/vits/p225", ("en",)),
        ("tts_models/en/vctk/vits/p226", ("en",)),
    ]  # fmt: skip
    said(engine, "tts_models/de/mine/vits", "Guten Tag.", language="de")
    said(engine, "tts_models/en/vctk/vits/p226")
    tokenizer = engine._loaded["tts_models/en/vctk/vits"]._model.tokenizer
    assert tokenizer.phonemizer.phonemize("Hello, world!", separator="") == "həlˈoʊ, wˈɜːld!"
    assert tokenizer.phonemizer.phonemize("prior", separator="|") == "p|ɹ|ˈaɪ|ɚ"
    with pytest.raises(InvalidRequest, match="speaks de, not en"):
        said(engine, "tts_models/de/mine/vits")


def test_two_engines_in_one_process_share_espeak() -> None:
    from server.engines.coqui.torchaudio_import import import_torchaudio

    import_torchaudio()
    from server.engines.coqui.espeak import PackagedEspeak
    from server.engines.kokoro.espeak import Espeak

    kokoro, coqui = Espeak(), PackagedEspeak("de")
    spanish = kokoro.foreign("niños", "es")
    assert coqui.phonemize("Hallo", separator="") == "hˈaloː"
    assert kokoro.foreign("niños", "es") == spanish == "nˈiɲos"
