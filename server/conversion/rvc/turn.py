"""Turns a ``.pth`` into safetensors in a process of its own: a hostile file meets nothing worth having.

Run as ``python -m server.conversion.rvc.turn MODEL INDEX TARGET STAMP`` by ``turn_voice``; the child opens
the file as plain tensors only (``weights_only``), never in any other way, under limits of time and memory. It
ends when its parent does.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from server.conversion.rvc.files import RvcFiles, read_turned
from server.conversion.rvc.shape import RvcShape
from server.engines.lifeline import end_with_parent, lifeline
from server.errors import SynthesisFailed

SECONDS = 120.0
"""How long a file may take to be read."""
_MEMORY = 16 * 2**30
_MOST_VECTORS = 200_000
"""Vectors of an index that are kept; more do not change what is heard."""


def turn_voice(files: RvcFiles) -> tuple[RvcShape, Path]:
    """Shape and safetensors of a voice, made on first use; a file that cannot be used is named in the error."""
    kept = read_turned(files)
    if kept is not None:
        return kept
    files.turned.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "server.conversion.rvc.turn", str(files.model), str(files.index or "")]
    command += [str(files.turned), files.stamp]
    root = Path(__file__).resolve().parents[3]
    try:
        with lifeline() as source:
            child = subprocess.run(
                command,
                cwd=root,
                stdin=source,
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        words = child.stdout.strip().splitlines()
        problem = words[-1] if child.returncode == 3 and words else f"the reader ended with {child.returncode}"
    except subprocess.TimeoutExpired:
        problem = f"it took longer than {SECONDS:.0f} s to read"
    kept = read_turned(files)
    if kept is None:
        raise SynthesisFailed(
            f"The RVC model {files.model.name} cannot be used: {problem}.",
            code="bad_rvc_model",
            param="rvc_voice",
        )
    return kept


def read_model(path: Path) -> tuple[RvcShape, dict[str, Any]]:
    """The child's part: shape and plain tensors, weight norms folded; ValueError in words a person reads."""
    import torch

    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError("it holds more than plain tensors, or is damaged") from error
    try:
        stored = {name: tensor for name, tensor in checkpoint["weight"].items() if torch.is_tensor(tensor)}
        version = str(checkpoint.get("version", "v1"))
        has_pitch = bool(int(checkpoint.get("f0", 1)))
        shape = RvcShape.from_checkpoint(
            list(checkpoint["config"]), version, has_pitch, stored["emb_g.weight"].shape[0]
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"it is not an RVC model ({error})") from error
    weights: dict[str, Any] = {}
    for name, tensor in stored.items():
        stem, _, kind = name.rpartition(".")
        if name.startswith("enc_q.") or kind == "weight_v":  # enc_q serves training only
            continue
        if kind == "weight_g":
            value = stored[f"{stem}.weight_v"].float()
            length = value.norm(dim=tuple(range(1, value.dim())), keepdim=True).clamp_min(1e-12)
            weights[f"{stem}.weight"] = tensor.float() * value / length
        else:
            weights[name] = tensor.float()
    _check(shape, weights)
    return shape, {name: tensor.contiguous() for name, tensor in weights.items()}


def read_index(path: Path, features: int) -> Any:
    """The vectors of a faiss index, at half precision."""
    import faiss
    import torch

    index = faiss.read_index(str(path))
    if index.d != features:
        raise ValueError(f"its index has vectors of {index.d} numbers, the model wants {features}")
    index = faiss.downcast_index(index)
    if hasattr(index, "make_direct_map"):
        index.make_direct_map()
    count = min(index.ntotal, _MOST_VECTORS)
    return torch.from_numpy(index.reconstruct_n(0, count)).half().contiguous()


def _check(shape: RvcShape, weights: dict[str, Any]) -> None:
    import torch

    from server.conversion.rvc.synthesizer import Synthesizer

    with torch.device("meta"):
        wanted = {name: tuple(tensor.shape) for name, tensor in Synthesizer(shape).state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    if wanted != found:
        odd = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
        raise ValueError(f"its weights do not fit its description ({odd[0]})")
    if any(not torch.isfinite(tensor).all() for tensor in weights.values()):
        raise ValueError("it holds numbers that are not finite")


def _limit() -> None:
    """On POSIX; elsewhere the time limit and the plain reading have to do."""
    if os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (int(SECONDS), int(SECONDS)))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(model: str, index: str, target: str, stamp: str) -> int:
    """The child; prints one line of words and returns 3 if the file cannot be used."""
    from safetensors.torch import save_file

    _limit()
    try:
        shape, weights = read_model(Path(model))
        if index:
            weights["index"] = read_index(Path(index), shape.features)
    except (ValueError, RuntimeError, ImportError) as error:
        sys.stdout.write(str(error).splitlines()[0] + "\n")
        return 3
    goal = Path(target)
    part = goal.with_suffix(".part")
    save_file(weights, part)
    part.replace(goal)
    description = goal.with_suffix(".json.part")
    description.write_text(json.dumps({"stamp": stamp, "shape": shape.to_json()}), encoding="utf-8")
    description.replace(goal.with_suffix(".json"))
    return 0


if __name__ == "__main__":
    end_with_parent()
    sys.exit(main(*sys.argv[1:5]))
