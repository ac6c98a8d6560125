"""The ONNX format: what is written is read back, cut, and runs."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest

from server.engines.kokoro.onnxfile import FLOAT, Model, Node, Port

pytestmark = pytest.mark.unit

X = Port("x", FLOAT, (1, "n"))
VERSIONS = b"\x08\x08" + b"\x42\x02\x10\x14"
"""ir_version 8, opset 20."""


def toy() -> Model:
    """y = |-x|, z = sum of y over axis 1; nodes out of order on purpose."""
    nodes = [
        Node("ReduceSum", ["y", "axis"], ["z"], "sum", {"keepdims": 0}),
        Node("Abs", ["minus"], ["y"], "abs"),
        Node("Neg", ["x"], ["minus"], "neg"),
    ]
    model = Model(nodes, {}, VERSIONS)
    model.add_numbers("axis", (1,))
    return model


def run(model: Model, port: Port, output: str, values: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.encode((port,), (output,)), providers=["CPUExecutionProvider"])
    result: np.ndarray = session.run(None, {port.name: values})[0]
    return result


def test_what_is_written_is_read_back_and_runs() -> None:
    model = Model.parse(toy().encode((X,), ("z",)))
    assert [node.op for node in model.nodes] == ["Neg", "Abs", "ReduceSum"]
    assert model.shape_of("axis") == (1,)
    values = np.array([[1, -2, 3]], np.float32)
    assert run(model, X, "z", values).tolist() == [6]


def test_a_part_has_only_what_it_needs() -> None:
    model = Model.parse(toy().encode((X,), ("z",)))
    y = Port("y", FLOAT, (1, "n"))
    front, back = model.part((X,), ("y",)), model.part((y,), ("z",))
    assert [node.op for node in front.nodes] == ["Neg", "Abs"]
    assert not front.weights
    assert [node.op for node in back.nodes] == ["ReduceSum"]
    assert list(back.weights) == ["axis"]
    values = np.array([[1, -2, 3]], np.float32)
    assert run(back, y, "z", run(front, X, "y", values)).tolist() == [6]


def test_a_missing_value_is_named() -> None:
    with pytest.raises(ValueError, match="axis"):
        Model(toy().nodes, {}, VERSIONS).encode((X,), ("z",))


def test_other_files_are_refused() -> None:
    with pytest.raises(ValueError, match="not an ONNX file"):
        Model.parse(b"\x38\x01")
