"""Just enough of the ONNX file format to cut a graph in two and rewire it, without the ``onnx`` package.

An ONNX file is a protocol buffer. Nodes are decoded; weights stay the bytes they were.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

FLOAT, INT64 = 1, 7
"""Element types as ONNX numbers them."""

_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_NAME, _GRAPH_WEIGHT, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 2, 5, 11, 12
_NODE_INPUT, _NODE_OUTPUT, _NODE_NAME, _NODE_OP, _NODE_ATTRIBUTE, _NODE_DOMAIN = 1, 2, 3, 4, 5, 7
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW = 1, 2, 8, 9
_TENSOR_FLOATS, _TENSOR_INT32S, _TENSOR_INT64S = 4, 5, 7


@dataclass(slots=True)
class Node:
    """One operation."""

    op: str
    inputs: list[str]
    outputs: list[str]
    name: str = ""
    attributes: dict[str, int] = field(default_factory=dict)
    """Whole numbers only: what the nodes we add need."""
    rest: bytes = b""
    """Attributes and domain of a node that was read, as they were."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph; a dimension of any size is named."""

    name: str
    element: int
    shape: tuple[int | str, ...]


@dataclass(slots=True)
class Model:
    """A graph with its weights, each one encoded."""

    nodes: list[Node]
    weights: dict[str, bytes]
    header: bytes
    """Everything of the file but the graph: versions and operator sets."""

    @classmethod
    def parse(cls, data: bytes) -> Model:
        """Read a file's bytes."""
        header, nodes, weights = b"", [], {}
        for number, value, raw in _fields(memoryview(data)):
            if number != _MODEL_GRAPH:
                header += raw
                continue
            for inner, content, encoded in _fields(_message(value)):
                if inner == _GRAPH_NODE:
                    nodes.append(_node(_message(content)))
                elif inner == _GRAPH_WEIGHT:
                    weights[_name_of(_message(content))] = bytes(encoded)
        return cls(nodes, weights, header)

    def part(self, inputs: Sequence[Port], outputs: Sequence[str]) -> Model:
        """The nodes that lead from ``inputs`` to ``outputs``, and their weights."""
        producers = {output: node for node in self.nodes for output in node.outputs}
        given = {port.name for port in inputs}
        wanted, open_names = set(), list(outputs)
        while open_names:
            name = open_names.pop()
            node = None if name in given else producers.get(name)
            if node is not None and id(node) not in wanted:
                wanted.add(id(node))
                open_names += node.inputs
        nodes = [node for node in self.nodes if id(node) in wanted]
        used = {name for node in nodes for name in node.inputs}
        return Model(nodes, {name: raw for name, raw in self.weights.items() if name in used}, self.header)

    def add_numbers(self, name: str, numbers: Sequence[int]) -> None:
        """A constant vector of whole numbers."""
        raw = b"".join(number.to_bytes(8, "little", signed=True) for number in numbers)
        tensor = _varint_field(_TENSOR_DIMS, len(numbers)) + _varint_field(_TENSOR_TYPE, INT64)
        tensor += _bytes_field(_TENSOR_NAME, name.encode()) + _bytes_field(_TENSOR_RAW, raw)
        self.weights[name] = _bytes_field(_GRAPH_WEIGHT, tensor)

    def shape_of(self, weight: str) -> tuple[int, ...]:
        """Dimensions of a weight."""
        tensor = next(value for _, value, _ in _fields(memoryview(self.weights[weight])))
        return tuple(
            size
            for number, value, _ in _fields(_message(tensor))
            if number == _TENSOR_DIMS
            for size in _whole_numbers(value)
        )

    def values_of(self, weight: str) -> tuple[int, bytes | list[int]]:
        """Element type, as ONNX numbers it, and values: little-endian bytes, or a few whole numbers."""
        tensor = next(value for _, value, _ in _fields(memoryview(self.weights[weight])))
        element, raw, numbers = 0, b"", []
        for number, value, _ in _fields(_message(tensor)):
            if number == _TENSOR_TYPE and isinstance(value, int):
                element = value
            elif number in (_TENSOR_RAW, _TENSOR_FLOATS):
                raw += bytes(_message(value))
            elif number in (_TENSOR_INT32S, _TENSOR_INT64S):
                numbers += _whole_numbers(value)
        return element, numbers or raw

    def encode(self, inputs: Sequence[Port], outputs: Sequence[str]) -> bytes:
        """The bytes of a file with these ends; nodes are put in an order that can be run."""
        graph = [_bytes_field(_GRAPH_NODE, _encode_node(node)) for node in self._ordered(inputs)]
        graph.append(_bytes_field(_GRAPH_NAME, b"part"))
        graph += self.weights.values()
        graph += [_bytes_field(_GRAPH_INPUT, _encode_port(port)) for port in inputs]
        graph += [_bytes_field(_GRAPH_OUTPUT, _encode_port(Port(name, FLOAT, ()))) for name in outputs]
        return self.header + _bytes_field(_MODEL_GRAPH, b"".join(graph))

    def _ordered(self, inputs: Iterable[Port]) -> list[Node]:
        known = {port.name for port in inputs} | self.weights.keys() | {""}
        ordered, waiting = [], self.nodes
        while waiting:
            later = []
            for node in waiting:
                if all(name in known for name in node.inputs):
                    ordered.append(node)
                    known.update(node.outputs)
                else:
                    later.append(node)
            if len(later) == len(waiting):
                raise ValueError(f"nothing provides {later[0].inputs} of {later[0].name}")
            waiting = later
        return ordered


def _node(message: memoryview) -> Node:
    node = Node("", [], [])
    for number, value, raw in _fields(message):
        if number in (_NODE_ATTRIBUTE, _NODE_DOMAIN):
            node.rest += raw
        elif number == _NODE_INPUT:
            node.inputs.append(_text(value))
        elif number == _NODE_OUTPUT:
            node.outputs.append(_text(value))
        elif number == _NODE_NAME:
            node.name = _text(value)
        elif number == _NODE_OP:
            node.op = _text(value)
    return node


def _encode_node(node: Node) -> bytes:
    encoded = b"".join(_bytes_field(_NODE_INPUT, name.encode()) for name in node.inputs)
    encoded += b"".join(_bytes_field(_NODE_OUTPUT, name.encode()) for name in node.outputs)
    encoded += _bytes_field(_NODE_NAME, node.name.encode()) + _bytes_field(_NODE_OP, node.op.encode())
    for name, number in node.attributes.items():
        attribute = _bytes_field(1, name.encode()) + _varint_field(3, number) + _varint_field(20, 2)
        encoded += _bytes_field(_NODE_ATTRIBUTE, attribute)
    return encoded + node.rest


def _encode_port(port: Port) -> bytes:
    dimensions = b"".join(
        _bytes_field(1, _bytes_field(2, size.encode()) if isinstance(size, str) else _varint_field(1, size))
        for size in port.shape
    )
    tensor = _varint_field(1, port.element)
    if port.shape:  # without one, ONNX Runtime finds it out
        tensor += _bytes_field(2, dimensions)
    return _bytes_field(1, port.name.encode()) + _bytes_field(2, _bytes_field(1, tensor))


def _name_of(tensor: memoryview) -> str:
    return next(_text(value) for number, value, _ in _fields(tensor) if number == _TENSOR_NAME)


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview | int, memoryview]]:
    """(number, value, the field's bytes) of every field of a message."""
    at = 0
    while at < len(data):
        start = at
        key, at = _varint(data, at)
        kind = key & 7
        value: memoryview | int
        if kind == 0:
            value, at = _varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(kind)
            if size is None:
                size, at = _varint(data, at)
            value = data[at : at + size]
            at += size
        yield key >> 3, value, data[start:at]


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7


def _encode_varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _varint_field(number: int, value: int) -> bytes:
    return _encode_varint(number << 3) + _encode_varint(value)


def _bytes_field(number: int, value: bytes) -> bytes:
    return _encode_varint(number << 3 | 2) + _encode_varint(len(value)) + value


def _whole_numbers(value: memoryview | int) -> list[int]:
    """A repeated number, one by one or packed."""
    if isinstance(value, int):
        return [value]
    numbers, at = [], 0
    while at < len(value):
        number, at = _varint(value, at)
        numbers.append(number)
    return numbers


def _message(value: memoryview | int) -> memoryview:
    if isinstance(value, int):
        raise ValueError("not an ONNX file")
    return value


def _text(value: memoryview | int) -> str:
    return bytes(_message(value)).decode()
