"""What lies in a model's folder: hostile, damaged or changed files do nothing and are named; its statistics."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.engines.coqui.receipts import Receipt, digests_of, write_receipt
from server.errors import Unavailable
from tests.contract.coqui_said import loaded, said
from tests.contract.payload import Payload
from tests.torch_needed import need

need("torch", "torchaudio", "TTS", command="python3 -m server install coqui-vits")

import torch  # noqa: E402 - only where it is installed

from server.engines.coqui.stats import read_stats  # noqa: E402
from tests.contract.coqui_speaking import make_speaking, make_vocoder  # noqa: E402

pytestmark = [
    pytest.mark.contract,
    pytest.mark.filterwarnings("ignore"),  # the library's and its dependencies' own, which are many
]


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("hostile", "cannot be loaded"),
        ("damaged", "cannot be loaded"),
        ("another", "Missing key"),
        ("xtts", "of the kind 'xtts'"),
        ("foreign code", r"subprocess\.Popen"),
        ("no config", "of the kind 'nothing'"),
        ("statistics", "it asks for"),
    ],
)
def test_a_folder_that_cannot_be_used_does_nothing_and_is_named(kind: str, words: str, tmp_path: Path) -> None:
    broken, mark = tmp_path / "models" / "broken", tmp_path / "ran"
    make_speaking(broken, "glow_tts")
    config = json.loads((broken / "config.json").read_text(encoding="utf-8"))
    match kind:
        case "hostile":
            torch.save({"model": Payload(mark)}, broken / "model_file.pth")
        case "damaged":
            (broken / "model_file.pth").write_bytes(b"PK\x03\x04 nothing")
        case "another":
            torch.save({"model": {}}, broken / "model_file.pth")
        case "xtts":
            config["model"] = "xtts"
        case "foreign code":
            config["characters"] = {"characters_class": "subprocess.Popen"}
        case "no config":
            config = {}
        case "statistics":
            config["audio"].update(stats_path="scale_stats.npy", signal_norm=True)
            stats_of(broken / "scale_stats.npy", {"mel_mean": Payload(mark)})
    (broken / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(Unavailable, match=f"broken .*{words}") as caught:
        loaded(tmp_path / "models")
    assert caught.value.code == "weights_missing"
    assert not mark.exists()


def test_a_hostile_vocoder_does_nothing_and_is_named(tmp_path: Path) -> None:
    make_speaking(tmp_path / "models" / "mine", "glow_tts")
    make_vocoder(tmp_path / "models" / "mine" / "vocoder")
    torch.save({"model": Payload(tmp_path / "ran")}, tmp_path / "models" / "mine" / "vocoder" / "model_file.pth")
    with pytest.raises(Unavailable, match="vocoder cannot be loaded"):
        loaded(tmp_path / "models")
    assert not (tmp_path / "ran").exists()


def test_what_was_fetched_and_changed_is_left_out(tmp_path: Path) -> None:
    make_speaking(tmp_path / "mine")
    make_speaking(tmp_path / "other")
    write_receipt(tmp_path, "mine", Receipt("x", "MIT", files=digests_of(tmp_path / "mine")))
    engine = loaded(tmp_path)
    assert [(voice.id, voice.licence) for voice in engine.voices()] == [("mine", "MIT"), ("other", "unknown")]
    (tmp_path / "mine" / "config.json").write_text("{}", encoding="utf-8")
    told: list[str] = []
    assert [voice.id for voice in loaded(tmp_path, told).voices()] == ["other"]
    assert any("config.json is not what was fetched" in detail for detail in told)


# Statistics


def stats_of(path: Path, content: Any) -> None:
    np.save(path, np.array(content, dtype=object), allow_pickle=True)


def test_statistics_are_read_as_the_library_reads_them(tmp_path: Path) -> None:
    make_speaking(tmp_path / "plain", "overflow")
    make_vocoder(tmp_path / "plain" / "vocoder")
    shutil.copytree(tmp_path / "plain", tmp_path / "scaled")
    config = json.loads((tmp_path / "scaled" / "config.json").read_text(encoding="utf-8"))
    config["audio"]["stats_path"] = "/home/trainer/scale_stats.npy"
    config["audio"]["signal_norm"] = True
    (tmp_path / "scaled" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    told: list[str] = []
    loaded(tmp_path, told)
    assert any("scale_stats.npy is missing" in detail for detail in told)
    names = {"mel_mean": 80, "mel_std": 80, "linear_mean": 513, "linear_std": 513}
    numbers = {name: np.linspace(1, 2, size, dtype=np.float32) for name, size in names.items()}
    stats_of(tmp_path / "scaled" / "scale_stats.npy", {**numbers, "audio_config": {"sample_rate": np.int64(22_050)}})
    engine = loaded(tmp_path)
    said(engine, "scaled")
    ap = engine._loaded["scaled"]._model.ap
    theirs = ap.load_stats(str(tmp_path / "scaled" / "scale_stats.npy"))
    for ours, own in zip((ap.mel_scaler.mean_, ap.mel_scaler.scale_), theirs, strict=False):
        assert np.array_equal(ours, own)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", [1, 2], "text"])
def test_statistics_of_another_shape_are_refused(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "scale_stats.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        stats_of(path, content)
    with pytest.raises((ValueError, pickle.UnpicklingError)):
        read_stats(path)
