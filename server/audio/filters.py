"""A chain of libavfilter's audio filters as a push object."""

from __future__ import annotations

from collections.abc import Sequence

import av
import av.error
import numpy as np
from av.filter import Graph

from server.audio.chunk import Samples
from server.errors import SynthesisFailed

SILENT = np.zeros(0, dtype=np.float32)
SILENT.flags.writeable = False


class FilterChain:
    """Push object for mono samples; ``filters`` are (name, arguments) in libavfilter's words."""

    def __init__(self, rate: int, filters: Sequence[tuple[str, str]]) -> None:
        self._rate = rate
        self._time = 0
        try:
            self._graph = Graph()
            nodes = [self._graph.add_abuffer(sample_rate=rate, format="flt", layout="mono")]
            nodes += [self._graph.add(name, arguments) for name, arguments in filters]
            nodes.append(self._graph.add("aformat", "sample_fmts=flt:channel_layouts=mono"))
            nodes.append(self._graph.add("abuffersink"))
            self._graph.link_nodes(*nodes).configure()
        except (av.error.FFmpegError, ValueError) as error:
            names = ", ".join(name for name, _ in filters)
            raise SynthesisFailed(f"The audio filters {names} cannot be used: {error}") from error

    def push(self, samples: Samples) -> Samples:
        """What comes out after ``samples`` went in; may be nothing yet."""
        if not len(samples):
            return SILENT
        data = np.ascontiguousarray(samples, dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(data.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = self._rate
        frame.pts = self._time
        self._time += len(samples)
        return self._run(frame)

    def flush(self) -> Samples:
        """The rest; the chain is at its end after that."""
        return self._run(None)

    def _run(self, frame: av.AudioFrame | None) -> Samples:
        parts: list[Samples] = []
        try:
            self._graph.push(frame)
            while True:
                out = self._graph.pull()
                if isinstance(out, av.AudioFrame):
                    # A copy: the frame's memory goes back to libav with the frame.
                    parts.append(out.to_ndarray().reshape(-1).astype(np.float32))
        except (av.error.BlockingIOError, av.error.EOFError):
            pass
        except av.error.FFmpegError as error:
            raise SynthesisFailed(f"An audio filter failed: {error}") from error
        return np.concatenate(parts) if parts else SILENT
