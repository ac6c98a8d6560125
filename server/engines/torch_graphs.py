"""CUDA graphs: a step of fixed shape recorded once and replayed with a single launch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import torch
from torch import Tensor

log = logging.getLogger("troupe.graphs")

Step = Callable[..., tuple[Tensor, ...]]


@dataclass(frozen=True, slots=True)
class _Recording:
    graph: torch.cuda.CUDAGraph
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]


class Graphs:
    """Recorded steps by key; a key that was not recorded runs as it is.

    Recording happens only in ``record``, before the engine is ready, so no request ever waits for it. All
    recordings share one memory pool, which is right because they are replayed one after the other and their
    outputs are read before the next replay. A step may also take and give nothing, and work on tensors of its own.
    """

    def __init__(self, device: torch.device) -> None:
        self._recordings: dict[Hashable, _Recording] = {}
        self._pool = torch.cuda.graph_pool_handle() if device.type == "cuda" else None

    def __len__(self) -> int:
        return len(self._recordings)

    def record(self, key: Hashable, step: Step, *inputs: Tensor) -> None:
        """Record ``step`` for inputs of these shapes; does nothing where there is no CUDA.

        What cannot be recorded, by a driver or a library too old for it, is run as it is ever after.
        """
        if self._pool is None or key in self._recordings:
            return
        try:
            self._recordings[key] = self._recorded(step, inputs)
        except RuntimeError as error:
            log.warning("CUDA graphs are not used: %s", error)
            self._recordings.clear()
            self._pool = None

    def _recorded(self, step: Step, inputs: tuple[Tensor, ...]) -> _Recording:
        held = tuple(tensor.clone() for tensor in inputs)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):  # libraries choose their algorithms and allocate before the recording
                step(*held)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            outputs = step(*held)
        return _Recording(graph, held, outputs)

    def run(self, key: Hashable, step: Step, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Replay if recorded. The result of a replay is overwritten by the next one."""
        recording = self._recordings.get(key)
        if recording is None:
            return step(*inputs)
        for held, given in zip(recording.inputs, inputs, strict=True):
            held.copy_(given)
        recording.graph.replay()
        return recording.outputs
