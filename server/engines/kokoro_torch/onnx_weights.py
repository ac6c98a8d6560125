"""Kokoro's weights out of its int8 ONNX file, under the names of the torch checkpoint.

Three facts make it possible. A quantised tensor ``X`` is stored as ``X_quantized``, ``X_scale`` and
``X_zero_point``. The exporter named weights by what they became, but every node's path still says which
module it was. An ONNX LSTM keeps its gates in the order i, o, f, c, torch in i, f, c, o.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from server.engines.kokoro.onnxfile import Model

Array = npt.NDArray[Any]
Read = Callable[[str], Array]

_TYPES = {1: "<f4", 2: "u1", 3: "i1", 6: "<i4", 7: "<i8"}
"""Element types as ONNX numbers them."""

_EMBEDDING = re.compile(r"^encoder\.(.*_embeddings\.weight|text_encoder\.embedding\.weight)_quantized$")


def read_onnx(path: Path) -> dict[str, Array]:
    """All weights in float32, keyed like the checkpoint's flattened state dict with weight norms folded."""
    model = Model.parse(path.read_bytes())
    stored = model.weights
    weights: dict[str, Array] = {}

    def value(name: str) -> Array:
        element, values = model.values_of(name)
        kind = np.dtype(_TYPES[element])
        flat = np.frombuffer(values, kind) if isinstance(values, bytes) else np.array(values).astype(kind)
        return flat.reshape(model.shape_of(name))

    for name in stored:
        if match := _EMBEDDING.match(name):
            weights[match.group(1)] = _dequantise(name, _zero_point_of(model, name), value)
        elif (plain := _plain_name(name)) is not None:
            weights[plain] = value(name).astype(np.float32)
    for node in model.nodes:
        module = _module_of(node.name)
        if module is None:
            continue
        if node.op == "DynamicQuantizeLSTM":
            weights.update(_lstm(module, node.inputs, value))
        elif node.op in ("MatMulInteger", "ConvInteger") and node.inputs[1] in stored:
            matrix = _dequantise(node.inputs[1], node.inputs[3], value)
            weights[f"{module}.weight"] = matrix.T if node.op == "MatMulInteger" else matrix
        elif node.op in ("MatMul", "Conv", "ConvTranspose") and node.inputs[1] in stored:
            matrix = value(node.inputs[1]).astype(np.float32)
            weights[f"{module}.weight"] = matrix.T if node.op == "MatMul" else matrix
    return {name: np.ascontiguousarray(array) for name, array in weights.items()}


def _plain_name(name: str) -> str | None:
    """The checkpoint's name of a tensor that was stored as it is; None for any other."""
    if name.endswith(("_quantized", "_scale", "_zero_point", "_shape")) or "stft" in name:
        return None
    for prefix in ("encoder.", "decoder."):
        if name.startswith(prefix):
            return name[len(prefix) :]
    return None


def _module_of(path: str) -> str | None:
    """``/encoder/F0.0/conv1/Conv_quant`` is the module ``predictor.F0.0.conv1``."""
    parts = path.split("/")
    if len(parts) < 4 or parts[0] or parts[1] not in ("encoder", "decoder") or "stft" in parts:
        return None
    # A module list shows up twice, as cnn.0 and cnn.0.0: the longer name says it all.
    merged: list[str] = []
    for part in parts[2:-1]:
        if merged and part.startswith(merged[-1] + "."):
            merged[-1] = part
        else:
            merged.append(part)
    module = re.sub(r"_\d+$", "", ".".join(merged))
    if parts[1] == "encoder" and module.split(".")[0] in ("F0", "N", "F0_proj", "N_proj", "shared"):
        module = f"predictor.{module}"
    return module


def _dequantise(name: str, zero_point: str, value: Read) -> Array:
    matrix = value(name).astype(np.float32) - value(zero_point).astype(np.float32)
    return np.asarray(matrix * value(name.removesuffix("_quantized") + "_scale"), dtype=np.float32)


def _zero_point_of(model: Model, name: str) -> str:
    """Equal zero points are stored once, under one of their names: ask the node that uses it."""
    own = name.removesuffix("_quantized") + "_zero_point"
    gathers = {node.inputs[0]: node.outputs[0] for node in model.nodes if node.op == "Gather"}
    for node in model.nodes:
        if node.op == "DequantizeLinear" and node.inputs[0] == gathers.get(name):
            return str(node.inputs[2])
    return own


def _lstm(module: str, inputs: list[str], value: Read) -> dict[str, Array]:
    out: dict[str, Array] = {}
    for tensor, (name, scale, zero) in {
        "weight_ih_l0": (inputs[1], inputs[8], inputs[9]),
        "weight_hh_l0": (inputs[2], inputs[10], inputs[11]),
    }.items():
        matrix, factor, offset = value(name).astype(np.float32), value(scale), value(zero)
        for direction, suffix in enumerate(("", "_reverse")):
            plain = (matrix[direction] - offset.reshape(-1)[direction]) * factor.reshape(-1)[direction]
            out[f"{module}.{tensor}{suffix}"] = _gates(plain.T.astype(np.float32))
    bias = value(inputs[3])
    for direction, suffix in enumerate(("", "_reverse")):
        ih, hh = np.split(bias[direction], 2)
        out[f"{module}.bias_ih_l0{suffix}"] = _gates(ih)
        out[f"{module}.bias_hh_l0{suffix}"] = _gates(hh)
    return out


def _gates(rows: Array) -> Array:
    i, o, f, c = np.split(rows, 4)
    return np.concatenate([i, f, c, o])
