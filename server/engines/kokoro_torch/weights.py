"""Where the weights come from: the published checkpoint if it is there, else the packaged int8 file, turned.

Either way they end as ``kokoro.safetensors`` in the engine's folder, with their origin in its metadata:
the work is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from server.engines.kokoro_torch.model import Kokoro
from server.engines.kokoro_torch.onnx_weights import read_onnx
from server.errors import SynthesisFailed

CHECKPOINT = "kokoro-v1_0.pth"
"""As published at huggingface.co/hexgrad/Kokoro-82M; dropped into the models folder or fetched."""
TURNED = "kokoro.safetensors"
PARTS = ("bert", "bert_encoder", "predictor", "text_encoder", "decoder")


def load_weights(folder: Path, packaged: Callable[[], Path], report: Callable[[str], None]) -> dict[str, Tensor]:
    """Weights by name. ``packaged`` gives the int8 file's path; asked only when nothing better is there."""
    checkpoint, turned = folder / CHECKPOINT, folder / TURNED
    origin = f"{CHECKPOINT} {checkpoint.stat().st_size}" if checkpoint.is_file() else "int8"
    kept = _read_turned(turned, origin)
    if kept is not None:
        return kept
    if checkpoint.is_file():
        report("reading the checkpoint")
        weights = read_checkpoint(checkpoint)
    else:
        report("turning the packaged weights into torch's, once")
        weights = {name: torch.from_numpy(array) for name, array in read_onnx(packaged()).items()}
    _check(weights, checkpoint if checkpoint.is_file() else None)
    _write_turned(turned, weights, origin)
    return weights


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The published ``.pth``, as plain tensors only; weight norms folded, spare parameters left out."""
    try:
        parts = torch.load(path, map_location="cpu", weights_only=True)
        flat = {
            f"{part}.{name.removeprefix('module.')}": tensor for part in PARTS for name, tensor in parts[part].items()
        }
    except Exception as error:  # whatever a damaged or hostile file makes of the reader
        raise SynthesisFailed(
            f"{path.name} is not a Kokoro checkpoint: it is damaged, or not the published file.",
            code="bad_weights",
        ) from error
    weights = {}
    for name, tensor in flat.items():
        stem, _, kind = name.rpartition(".")
        if kind == "weight_g":
            value = flat[f"{stem}.weight_v"].float()
            length = value.norm(dim=tuple(range(1, value.dim())), keepdim=True)
            weights[f"{stem}.weight"] = tensor.float() * value / length.clamp_min(1e-12)
        elif kind != "weight_v" and "pooler" not in name and kind != "position_ids" and stem.split(".")[-1] != "norm":
            weights[name] = tensor.float()
    return weights


def _check(weights: Mapping[str, Tensor], source: Path | None) -> None:
    with torch.device("meta"):
        wanted = Kokoro().state_dict()
    lacking = sorted(set(wanted) - set(weights))
    spare = sorted(set(weights) - set(wanted))
    if lacking or spare:
        name = source.name if source else "The packaged Kokoro model"
        example = (lacking or spare)[0]
        raise SynthesisFailed(
            f"{name} does not fit this version of Kokoro: {len(lacking)} weights are lacking and {len(spare)}"
            f" unknown ({example}).",
            code="bad_weights",
        )


def _read_turned(path: Path, origin: str) -> dict[str, Tensor] | None:
    """The kept weights if they come from ``origin``; a damaged file is made again."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            if (file.metadata() or {}).get("origin") != origin:
                return None
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError):
        return None


def _write_turned(path: Path, weights: Mapping[str, Tensor], origin: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, part, metadata={"origin": origin})
    part.replace(path)
