"""Cuts the one Kokoro graph in two, so that sound can leave before a sentence is finished.

*Prosody* reads all tokens at once and is cheap, about a tenth of the work. It yields acoustic features
(a step for every 12.5 ms), the excitation signal and the frames of each token. *The generator*, all the
rest, turns features into sound and looks only about a tenth of a second to either side: it can be run
window by window.

One thing in the generator looks at the whole sentence: instance normalisation takes each channel's mean
and variance over all time. A window has other statistics than its sentence, and came out up to 5 dB
louder or softer. So the generator is rewired: it takes moments (mean and mean square of every channel)
and a weight, mixes them with the window's own, and gives its own back. With weight 0 and a whole
sentence it is the original model. The normalisation becomes one multiplication and one addition on the
way, which pays for the windows' overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from server.engines.kokoro.onnxfile import FLOAT, INT64, Model, Node, Port

_GENERATOR = "/decoder/decoder/generator/"
FEATURES = "/decoder/decoder/decode.3/Div_4_output_0"
EXCITATION = f"{_GENERATOR}Reshape_3_output_0"
SPECTRUM = f"{_GENERATOR}Concat_3_output_0"
DURATIONS = "/encoder/Clip_output_0"
SOUND = "audio"
MOMENTS, MOMENTS_WEIGHT, OWN_MOMENTS = "moments", "moments_weight", "own_moments"

STYLE = Port("style", FLOAT, (1, 256))
_PROSODY_INPUTS = (Port("tokens", INT64, (1, "tokens")), STYLE, Port("speed", FLOAT, (1,)))


@dataclass(frozen=True, slots=True)
class Parts:
    """The two halves as ONNX files, and how many channels are normalised."""

    prosody: bytes
    generator: bytes
    channels: int


def cut(data: bytes) -> Parts:
    """Cut the graph of Kokoro v1.0 in int8; ValueError where it is another graph."""
    model = Model.parse(data)
    outputs = (FEATURES, EXCITATION, DURATIONS)
    prosody = model.part(_PROSODY_INPUTS, outputs)
    _keep_length(prosody)
    inputs = [Port(FEATURES, FLOAT, (1, 512, "steps")), Port(SPECTRUM, FLOAT, (1, 22, "spectra")), STYLE]
    generator = model.part(inputs, (SOUND,))
    channels = _take_moments(generator)
    inputs += [Port(MOMENTS, FLOAT, (1, channels, 2)), Port(MOMENTS_WEIGHT, FLOAT, (1,))]
    return Parts(prosody.encode(_PROSODY_INPUTS, outputs), generator.encode(inputs, (SOUND, OWN_MOMENTS)), channels)


def _keep_length(model: Model) -> None:
    """Make speed mean what it says.

    Most tokens last two or three frames and none less than one. The model divides each by the speed and rounds
    it alone, so that 1.25 came out as 1.19 and 1.35 as 1.39, by sentence 3 % more or less. Here what a token has
    beyond its one frame is scaled so that the whole fits, and the tokens' ends are rounded, where no error adds
    up. At speed 1 nothing changes.
    """
    wiring = _Wiring(model.nodes)
    at_least_one = wiring.producer[DURATIONS]
    rounded = wiring.producer[at_least_one.inputs[0]]
    divided = wiring.producer[rounded.inputs[0]]
    if [at_least_one.op, rounded.op, divided.op] != ["Clip", "Round", "Div"]:
        raise ValueError("the durations are not made as expected")
    frames, speed = divided.inputs
    one = at_least_one.inputs[1]
    model.add_numbers("durations_axis", (1,))
    model.add_numbers("one_later", (0, 1, 0, -1))
    model.nodes += [
        Node("Round", [frames], ["usual_rounded"]),
        Node("Clip", ["usual_rounded", one, ""], ["usual"]),
        Node("Div", ["usual", "usual"], ["ones"]),
        Node("Sub", ["usual", "ones"], ["beyond"]),
        Node("ReduceSum", ["usual", "durations_axis"], ["usual_total"]),
        Node("ReduceSum", ["ones", "durations_axis"], ["tokens_total"]),
        Node("ReduceSum", ["beyond", "durations_axis"], ["beyond_total"]),
        Node("Div", ["usual_total", speed], ["wanted_total"]),
        Node("Sub", ["wanted_total", "tokens_total"], ["wanted_beyond"]),
        Node("Relu", ["wanted_beyond"], ["wanted_beyond_up"]),
        Node("Max", ["beyond_total", one], ["beyond_total_up"]),
        Node("Div", ["wanted_beyond_up", "beyond_total_up"], ["scale"]),
        Node("CumSum", ["beyond", "durations_axis"], ["beyond_ends"]),
        Node("Mul", ["beyond_ends", "scale"], ["scaled_ends"]),
        Node("Round", ["scaled_ends"], ["ends"]),
        Node("Pad", ["ends", "one_later"], ["starts"]),
        Node("Sub", ["ends", "starts"], ["fitted_beyond"]),
        Node("Add", ["fitted_beyond", "ones"], ["fitted"]),
    ]
    at_least_one.inputs[0] = "fitted"
    model.nodes = [node for node in model.nodes if node is not rounded and node is not divided]


def _take_moments(model: Model) -> int:
    """Rewire every instance normalisation of ``model``; returns the number of channels."""
    wiring = _Wiring(model.nodes)
    norms = [node for node in model.nodes if node.op == "ReduceMean" and node.name.endswith("/ReduceMean")]
    if not norms:
        raise ValueError("no normalisation found")
    model.add_numbers("moments_axis", (1,))
    channels = 0
    added: list[Node] = [Node("Sub", ["one", MOMENTS_WEIGHT], ["own_weight"])]
    for mean in norms:
        norm = _Norm.find(mean, wiring)
        wiring.dropped.update(id(node) for node in norm.old)
        width = wiring.width_of(norm.scales[0], model)
        model.add_numbers(f"{mean.name}/first", (channels,))
        model.add_numbers(f"{mean.name}/end", (channels + width,))
        channels += width
        added += norm.rewired()
    added.append(Node("Concat", [f"{mean.name}/own" for mean in norms], [OWN_MOMENTS], attributes={"axis": 1}))
    added.append(Node("Pow", [MOMENTS_WEIGHT, "zero"], ["one"]))  # a weight of float 1 would need more format
    model.add_numbers("zero", (0,))
    model.nodes = [node for node in model.nodes if id(node) not in wiring.dropped] + added
    return channels


class _Wiring:
    """Who makes and who uses each value."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.dropped: set[int] = set()
        self.producer = {output: node for node in nodes for output in node.outputs}
        self._consumers: dict[str, list[Node]] = {}
        for node in nodes:
            for name in dict.fromkeys(node.inputs):
                self._consumers.setdefault(name, []).append(node)

    def users(self, node: Node, op: str) -> list[Node]:
        """Nodes of kind ``op`` that use what ``node`` makes."""
        found = [user for user in self._consumers.get(node.outputs[0], ()) if user.op == op]
        if not found:
            raise ValueError(f"{node.name} is not followed by {op}")
        return found

    def width_of(self, scale: str, model: Model) -> int:
        """Channels of a norm: half of the linear layer's bias that its scale and shift are split from."""
        node = self.producer[scale]
        while not node.name.endswith("Gemm_Add"):
            node = next(self.producer[name] for name in node.inputs if name in self.producer)
        bias = next(name for name in node.inputs if name in model.weights)
        return model.shape_of(bias)[0] // 2


@dataclass(frozen=True, slots=True)
class _Norm:
    """One instance normalisation as the exporter wrote it; several scales and shifts may share it."""

    name: str
    value: str
    axes: str
    epsilon: str
    scales: list[str]
    shifts: list[str]
    results: list[str]
    old: list[Node]

    @classmethod
    def find(cls, mean: Node, wiring: _Wiring) -> _Norm:
        """(x - mean) / sqrt(variance + epsilon) * scale + shift, from its first node."""
        (centred,) = wiring.users(mean, "Sub")
        (square,) = wiring.users(centred, "Mul")
        (variance,) = wiring.users(square, "ReduceMean")
        (safe,) = wiring.users(variance, "Add")
        (root,) = wiring.users(safe, "Sqrt")
        (normal,) = wiring.users(root, "Div")
        old = [mean, centred, square, variance, safe, root, normal]
        scales, shifts, results = [], [], []
        for scaled in wiring.users(normal, "Mul"):
            (shifted,) = wiring.users(scaled, "Add")
            scales += [name for name in scaled.inputs if name != normal.outputs[0]]
            shifts += [name for name in shifted.inputs if name != scaled.outputs[0]]
            results += shifted.outputs
            old += [scaled, shifted]
        epsilon = next(name for name in safe.inputs if name != variance.outputs[0])
        return cls(mean.name, mean.inputs[0], mean.inputs[1], epsilon, scales, shifts, results, old)

    def rewired(self) -> list[Node]:
        """x * factor + offset, both from mixed moments."""

        def at(name: str) -> str:
            return f"{self.name}/{name}"

        nodes = [
            Node("Mul", [self.value, self.value], [at("square")]),
            Node("ReduceMean", [self.value, self.axes], [at("mean")]),
            Node("ReduceMean", [at("square"), self.axes], [at("mean_square")]),
            Node("Concat", [at("mean"), at("mean_square")], [at("own")], attributes={"axis": 2}),
            Node("Slice", [MOMENTS, at("first"), at("end"), "moments_axis"], [at("given")]),
            Node("Mul", [at("given"), MOMENTS_WEIGHT], [at("given_share")]),
            Node("Mul", [at("own"), "own_weight"], [at("own_share")]),
            Node("Add", [at("given_share"), at("own_share")], [at("mixed")]),
            Node("Split", [at("mixed")], [at("m1"), at("m2")], attributes={"axis": 2, "num_outputs": 2}),
            Node("Mul", [at("m1"), at("m1")], [at("m1_square")]),
            Node("Sub", [at("m2"), at("m1_square")], [at("variance")]),
            Node("Relu", [at("variance")], [at("variance_up")]),  # rounding may leave it just below 0
            Node("Add", [at("variance_up"), self.epsilon], [at("safe")]),
            Node("Sqrt", [at("safe")], [at("deviation")]),
        ]
        for i, (scale, shift, result) in enumerate(zip(self.scales, self.shifts, self.results, strict=True)):
            nodes += [
                Node("Div", [scale, at("deviation")], [at(f"factor{i}")]),
                Node("Mul", [at("m1"), at(f"factor{i}")], [at(f"moved{i}")]),
                Node("Sub", [shift, at(f"moved{i}")], [at(f"offset{i}")]),
                Node("Mul", [self.value, at(f"factor{i}")], [at(f"stretched{i}")]),
                Node("Add", [at(f"stretched{i}"), at(f"offset{i}")], [result]),
            ]
        return nodes
