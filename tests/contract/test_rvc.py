"""RVC: windows of a stream agree, models of every kind convert, and a hostile file does nothing."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from server.audio.chunk import AudioChunk, WordTime
from server.conversion.base import VoiceConverter
from server.conversion.rvc.files import RvcFolder
from server.conversion.rvc.settings import ConversionSettings
from server.errors import InvalidRequest, NotFound, SynthesisFailed
from tests.contract.payload import Payload
from tests.torch_needed import need

need("torch", "safetensors", command="python3 -m server install rvc")

import torch  # noqa: E402 - only where it is installed
from safetensors.torch import load_file, save_file  # noqa: E402

from server.conversion.rvc.hubert import Hubert, HubertShape  # noqa: E402
from server.conversion.rvc.model import Converted, RvcModel, Window, resampled  # noqa: E402
from server.conversion.rvc.pitch import classes_of, yin  # noqa: E402
from server.conversion.rvc.rmvpe import Rmvpe  # noqa: E402
from server.conversion.rvc.shape import RvcShape  # noqa: E402
from server.conversion.rvc.stream import RvcStream  # noqa: E402
from server.conversion.rvc.synthesizer import Synthesizer  # noqa: E402
from server.conversion.rvc.turn import turn_voice  # noqa: E402

pytestmark = pytest.mark.contract

CONFIG = [1025, 32, 8, 8, 16, 2, 1, 3, 0, "1", [3], [[1, 3]], [10, 8, 4], 16, [20, 16, 8], 1, 8, "32k"]
RATE = 32_000


def checkpoint(version: str, pitch: bool) -> dict[str, Any]:
    torch.manual_seed(0)
    shape = RvcShape.from_checkpoint(CONFIG, version, pitch, 1)
    weights = {name: 2 * tensor for name, tensor in Synthesizer(shape).state_dict().items()}
    stem = "dec.ups.0"
    value = weights.pop(f"{stem}.weight")
    weights[f"{stem}.weight_g"] = value.norm(dim=(1, 2), keepdim=True)
    weights[f"{stem}.weight_v"] = value
    weights["enc_q.pre.weight"] = torch.zeros(3)
    return {"weight": weights, "config": CONFIG, "version": version, "f0": int(pitch), "sr": "32k", "info": "1 epoch"}


@pytest.fixture
def voices(tmp_path: Path) -> Path:
    folder = tmp_path / "rvc"
    folder.mkdir()
    torch.save(checkpoint("v1", True), folder / "old.pth")
    torch.save(checkpoint("v2", True), folder / "new.pth")
    torch.save(checkpoint("v2", False), folder / "flat.pth")
    return folder


@pytest.fixture
def model(voices: Path, tmp_path: Path) -> RvcModel:
    """With a small ear and a small RMVPE instead of the fetched ones."""
    made = RvcModel("cpu", tmp_path / "models", voices)
    torch.manual_seed(1)
    small = HubertShape(channels=16, hidden=768, inner=16, layers=1, position_kernel=8)
    made._hubert = Hubert(small).eval()
    made._rmvpe = Rmvpe(channels=2, blocks=1, recurrent=8).eval()
    return made


def speech(seconds: float, rate: int = 24_000) -> np.ndarray:
    """A gliding buzz with pauses."""
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(140 + 40 * np.sin(2 * time)) / rate
    buzz = sum(np.sin(k * phase) / k for k in range(1, 8)) * (np.sin(5 * time) > -0.6)
    return (0.2 * buzz).astype(np.float32)


def settings(voice: str, **more: Any) -> ConversionSettings:
    return ConversionSettings(voice, **{"pitch_method": "yin", **more})


@pytest.mark.parametrize("voice", ["old", "new", "flat"])
def test_every_kind_of_model_converts_to_its_own_rate_and_keeps_the_length(model: RvcModel, voice: str) -> None:
    samples, rate = model.convert(speech(1.3), 24_000, settings(voice))
    assert rate == RATE
    assert len(samples) == round(1.3 * RATE)
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert samples.std() > 1e-4


def test_rmvpe_is_asked_by_default_and_pitch_matters(model: RvcModel) -> None:
    low, _ = model.convert(speech(0.5), 24_000, settings("new"))
    high, _ = model.convert(speech(0.5), 24_000, settings("new", pitch=12))
    listened, _ = model.convert(speech(0.5), 24_000, ConversionSettings("new"))
    assert not np.allclose(low, high)
    assert not np.allclose(low, listened)


def test_values_out_of_range_are_refused_by_name(model: RvcModel) -> None:
    for wrong in ({"pitch": 99}, {"index_rate": 2.0}, {"protect": 0.9}):
        with pytest.raises(InvalidRequest, match=next(iter(wrong))):
            model.convert(speech(0.1), 24_000, settings("new", **wrong))


def test_an_index_pulls_the_features_and_protect_spares_unvoiced_sounds(model: RvcModel, voices: Path) -> None:
    sound = speech(1.0)
    plain, _ = model.convert(sound, 24_000, settings("new", index_rate=1.0))
    loaded = model._loaded["new"]
    index = torch.randn(20, 768).half()
    model._loaded["new"] = replace(loaded, index=index)
    pulled, _ = model.convert(sound, 24_000, settings("new", index_rate=1.0, protect=0.5))
    spared, _ = model.convert(sound, 24_000, settings("new", index_rate=1.0, protect=0.0))
    off, _ = model.convert(sound, 24_000, settings("new", index_rate=0.0))
    assert np.array_equal(off, plain)
    assert not np.allclose(pulled, plain)
    assert np.abs(spared - plain).mean() < np.abs(pulled - plain).mean()


def test_windows_that_overlap_agree_inside() -> None:
    shape = RvcShape.from_checkpoint(CONFIG, "v1", True, 1)
    torch.manual_seed(0)
    voice = Synthesizer(shape).eval()
    features, pitch = torch.randn(1, 200, 256), torch.full((1, 200), 120.0)
    with torch.inference_mode():
        whole, phases = voice(features, classes_of(pitch), pitch, 0, 0.0)
        start = 80
        late, _ = voice(
            features[:, start:], classes_of(pitch[:, start:]), pitch[:, start:], start, float(phases[start - 1])
        )
    inside = slice((start + 40) * shape.hop, 200 * shape.hop)
    torch.testing.assert_close(late[40 * shape.hop :], whole[inside], atol=2e-3, rtol=0)


class Echo:
    """Converts nothing: a model whose output is its input, for the stream's own arithmetic."""

    def __init__(self, rate: int) -> None:
        self.rate, self.windows = rate, list[Window]()

    def __call__(self, window: Window, asked: ConversionSettings) -> Converted:
        self.windows.append(window)
        steps = -(-len(window.samples) // round(window.rate / 50))
        padded = np.zeros(round(steps * window.rate / 50), np.float32)
        padded[: len(window.samples)] = window.samples
        out = resampled(torch.from_numpy(padded), steps * self.rate // 50).numpy()
        phases = (window.first_frame + 1 + np.arange(2 * steps)) / 7 % 1
        return Converted(out, self.rate, phases.astype(np.float32))


@pytest.mark.parametrize("size", [100, 4_000, 24_000, 200_000])
@pytest.mark.parametrize("rate", [24_000, 22_050])
def test_a_stream_is_the_whole_however_it_is_cut(size: int, rate: int) -> None:
    sound = speech(4.7, rate)
    echo = Echo(24_000)
    stream: VoiceConverter = RvcStream(echo, settings("any"))
    out = [c for at in range(0, len(sound), size) for c in stream.convert(AudioChunk(sound[at : at + size], rate))]
    out += stream.flush()
    joined = np.concatenate([chunk.samples for chunk in out])
    whole = resampled(torch.from_numpy(sound), round(4.7 * 24_000)).numpy()
    assert len(joined) == len(whole)
    np.testing.assert_allclose(joined, whole, atol=1e-5 if rate == 24_000 else 0.02)
    assert out[0].seconds < 0.5, "the first block is short"
    assert all(window.first_frame % 2 == 0 for window in echo.windows)


def test_the_sine_goes_on_where_the_window_before_had_it() -> None:
    echo = Echo(24_000)
    stream = RvcStream(echo, settings("any"))
    stream.convert(AudioChunk(speech(6), 24_000))
    later = [window for window in echo.windows if window.first_frame]
    assert later
    for window in later:
        assert window.phase == pytest.approx(window.first_frame / 7 % 1, abs=1e-5)


def test_words_travel_with_their_sound() -> None:
    stream = RvcStream(Echo(32_000), settings("any"))
    words = tuple(WordTime(0.3 * n, 0.3 * n + 0.2, 4 * n, 4 * n + 3) for n in range(5))
    out = []
    for _ in range(2):
        out += stream.convert(AudioChunk(speech(1.5), 24_000, words))
    out += stream.flush()
    begin, heard = 0.0, []
    for chunk in out:
        heard += [(begin + word.start, word.text_start) for word in chunk.words]
        begin += chunk.seconds
    assert heard == [(pytest.approx(1.5 * part + 0.3 * n), 4 * n) for part in range(2) for n in range(5)]


def test_a_stream_can_begin_again_and_an_empty_one_is_empty() -> None:
    stream = RvcStream(Echo(24_000), settings("any"))
    assert stream.flush() == []
    for _ in range(2):
        stream.convert(AudioChunk(speech(0.2), 24_000))
        assert sum(len(chunk.samples) for chunk in stream.flush()) == 4_800


def test_a_real_model_streams_without_seams(model: RvcModel) -> None:
    """Where blocks meet, the sound steps no further than it does anywhere else."""
    sound = speech(4)
    stream = RvcStream(model.convert_window, settings("new"))
    out = stream.convert(AudioChunk(sound, 24_000)) + stream.flush()
    joined = np.concatenate([chunk.samples for chunk in out])
    steps = np.abs(np.diff(joined))
    seams = np.cumsum([len(chunk.samples) for chunk in out])[:-1] - 1
    assert len(seams) >= 3
    assert steps[seams].max() <= steps.max()
    assert steps[seams].max() <= np.quantile(steps, 0.99) * 1.5


@pytest.mark.parametrize("hertz", [62.0, 110.0, 220.0, 440.0, 880.0])
def test_yin_hears_the_pitch_of_a_buzz(hertz: float) -> None:
    time = torch.arange(16_000) / 16_000
    buzz = sum(torch.sin(2 * torch.pi * hertz * k * time) / k for k in range(1, 6)) * 0.2
    pitch = yin(buzz)
    assert len(pitch) == 101
    assert float(pitch[10:-10].median()) == pytest.approx(hertz, rel=0.01)
    assert not yin(torch.zeros(16_000)).any()
    torch.manual_seed(0)
    assert float((yin(0.1 * torch.randn(16_000)) > 0).float().mean()) < 0.2


def test_classes_of_pitch() -> None:
    assert classes_of(torch.tensor([0.0, 50.0, 1100.0, 5000.0])).tolist() == [1, 1, 255, 255]


def test_resampling_keeps_a_tone() -> None:
    time = torch.arange(4_800) / 24_000
    out = resampled(torch.sin(2 * torch.pi * 300 * time), 3_200)
    expected = torch.sin(2 * torch.pi * 300 * torch.arange(3_200) / 16_000)
    assert float((out - expected)[100:-100].abs().max()) < 0.02


def test_voices_are_found_with_their_indexes_and_disabled_comes_first(voices: Path) -> None:
    (voices / "singer").mkdir()
    (voices / "singer" / "new.pth").write_bytes(b"x")
    (voices / "singer" / "added_IVF256.index").write_bytes(b"x")
    (voices / "old_v1.index").write_bytes(b"x")
    folder = RvcFolder(voices)
    found = folder.voices()
    assert folder.choices() == ["Disabled", "flat", "new", "old", "singer new"]
    assert found["old"].index == voices / "old_v1.index"
    assert found["new"].index is None
    assert found["singer new"].index == voices / "singer" / "added_IVF256.index"
    with pytest.raises(NotFound, match="flat, new, old"):
        folder.find("../new")


def _wrong_shape(path: Path, mark: Path) -> None:
    data = checkpoint("v2", True)
    data["weight"]["enc_p.proj.bias"] = torch.zeros(3)
    torch.save(data, path)


def _absurd(path: Path, mark: Path) -> None:
    data = checkpoint("v2", True)
    data["config"] = [*CONFIG[:3], 10**9, *CONFIG[4:]]
    torch.save(data, path)


HOSTILE: dict[str, tuple[Callable[[Path, Path], Any], str]] = {
    "code": (lambda path, mark: torch.save({"weight": Payload(mark)}, path), "more than plain tensors"),
    "rubbish": (lambda path, mark: path.write_bytes(b"\x80\x05rubbish"), "more than plain tensors"),
    "empty": (lambda path, mark: path.write_bytes(b""), "more than plain tensors"),
    "other": (lambda path, mark: torch.save({"model": {"a": torch.ones(1)}}, path), "not an RVC model"),
    "list": (lambda path, mark: torch.save([1, 2], path), "not an RVC model"),
    "shape": (_wrong_shape, "do not fit"),
    "absurd": (_absurd, "out of range"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_cannot_be_used_does_nothing_and_is_named(kind: str, tmp_path: Path) -> None:
    write, words = HOSTILE[kind]
    mark = tmp_path / "ran"
    write(tmp_path / "evil.pth", mark)
    with pytest.raises(SynthesisFailed, match=rf"evil\.pth.*{words}") as caught:
        turn_voice(RvcFolder(tmp_path).find("evil"))
    assert caught.value.code == "bad_rvc_model"
    assert not mark.exists()


def test_a_voice_is_turned_once_and_again_when_its_file_changes(voices: Path) -> None:
    files = RvcFolder(voices).find("new")
    shape, path = turn_voice(files)
    assert shape.rate == RATE
    made = path.stat().st_mtime_ns
    assert turn_voice(files)[1].stat().st_mtime_ns == made
    torch.save(checkpoint("v1", True), voices / "new.pth")
    assert turn_voice(RvcFolder(voices).find("new"))[0].features == 256
    description = path.with_suffix(".json")
    description.write_text(json.dumps({"stamp": files.stamp, "shape": {"features": 1}}), encoding="utf-8")
    assert turn_voice(RvcFolder(voices).find("new"))[0].features == 256


TURNING = """
import sys
from pathlib import Path
from server.conversion.rvc.files import RvcFiles
from server.conversion.rvc.turn import turn_voice

turn_voice(RvcFiles("endless", Path(sys.argv[1]), None))
"""


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no file can be made here that takes for ever to read")
def test_the_reader_of_a_file_ends_with_a_worker_that_is_killed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "endless.pth")
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", TURNING, str(tmp_path / "endless.pth")]
    with subprocess.Popen(command, cwd=root) as worker:
        while not (readers := psutil.Process(worker.pid).children()):
            assert worker.poll() is None
            time.sleep(0.05)
        time.sleep(3)  # so that it comes to the file
        assert _lives(readers[0])
        worker.kill()
    for _ in range(400):
        if not _lives(readers[0]):
            return
        time.sleep(0.05)
    readers[0].kill()
    pytest.fail("the reader lives on without its worker")


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE  # which it stays where nobody cares for orphans
    except psutil.NoSuchProcess:
        return False


def test_the_folder_is_looked_at_for_each_stream_and_not_for_each_window(
    model: RvcModel, voices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []
    find = RvcFolder.find
    monkeypatch.setattr(RvcFolder, "find", lambda folder, name: looks.append(name) or find(folder, name))
    for frame in (0, 48, 144, 0):
        model.convert_window(Window(speech(0.1), 24_000, frame), settings("new"))
    assert looks == ["new", "new"]


@pytest.mark.skipif(not hasattr(psutil.Process, "memory_maps"), reason="nobody tells here what is mapped")
def test_a_loaded_voice_leaves_its_file_alone(model: RvcModel, voices: Path) -> None:
    """Windows replaces no file that somebody has mapped: an updated voice could not be turned."""
    _, path = turn_voice(RvcFolder(voices).find("new"))
    weights = load_file(path)
    description = path.with_suffix(".json").read_bytes()
    save_file({**weights, "index": torch.randn(2_000, 768).half()}, path)
    del weights
    path.with_suffix(".json").write_bytes(description)
    model.convert(speech(0.1), 24_000, settings("new"))
    loaded = model._loaded["new"].index
    assert loaded is not None
    assert loaded.shape == (2_000, 768)
    gc.collect()
    assert str(path) not in {mapped.path for mapped in psutil.Process().memory_maps()}
