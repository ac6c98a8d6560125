"""Kokoro on torch, its weights: read without running what a file brings, and kept for the next start."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from server.errors import SynthesisFailed
from tests.contract.payload import Payload
from tests.torch_needed import need

need("torch", "safetensors", command="python3 -m server install torch kokoro-torch")

import torch  # noqa: E402 - only where it is installed

from server.engines.kokoro_torch import weights as weights_module  # noqa: E402
from tests.contract.kokoro_small import small_model  # noqa: E402

pytestmark = pytest.mark.contract


def test_a_hostile_checkpoint_does_nothing_and_is_named(tmp_path: Path) -> None:
    hostile = tmp_path / weights_module.CHECKPOINT
    torch.save({part: Payload(tmp_path / "ran") for part in weights_module.PARTS}, hostile)
    with pytest.raises(SynthesisFailed, match=weights_module.CHECKPOINT) as caught:
        weights_module.read_checkpoint(hostile)
    assert caught.value.code == "bad_weights"
    assert not (tmp_path / "ran").exists()
    hostile.write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(SynthesisFailed):
        weights_module.read_checkpoint(hostile)
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_with_weight_norms_reads_as_the_folded_model(tmp_path: Path) -> None:
    folded = dict(small_model().state_dict())
    published: dict[str, dict[str, torch.Tensor]] = {part: {} for part in weights_module.PARTS}
    for name, tensor in folded.items():
        part, _, rest = name.partition(".")
        if "conv1.weight" in name:
            length = tensor.norm(dim=(1, 2), keepdim=True)
            published[part][f"module.{rest}_g"] = length
            published[part][f"module.{rest}_v"] = tensor * 3
        else:
            published[part][f"module.{rest}"] = tensor
    published["bert"]["module.pooler.weight"] = torch.zeros(1)
    path = tmp_path / weights_module.CHECKPOINT
    torch.save(published, path)
    read = weights_module.read_checkpoint(path)
    assert set(read) == set(folded)
    for name, tensor in folded.items():
        torch.testing.assert_close(read[name], tensor)


def test_kept_weights_are_used_again_only_for_the_same_origin(tmp_path: Path) -> None:
    path = tmp_path / weights_module.TURNED
    weights_module._write_turned(path, {"a": torch.ones(2)}, "int8")
    kept = weights_module._read_turned(path, "int8")
    assert kept is not None
    assert kept["a"].tolist() == [1.0, 1.0]
    assert weights_module._read_turned(path, "kokoro-v1_0.pth 5") is None
    path.write_bytes(b"rubbish")
    assert weights_module._read_turned(path, "int8") is None


def test_a_checkpoint_of_another_model_is_refused_by_name(tmp_path: Path) -> None:
    torch.save({part: {"module.a": torch.ones(1)} for part in weights_module.PARTS}, tmp_path / "kokoro-v1_0.pth")
    with pytest.raises(SynthesisFailed, match=r"kokoro-v1_0\.pth does not fit"):
        weights_module.load_weights(tmp_path, lambda: tmp_path / "unused", lambda detail: None)
