"""RVC's worker with a model that fails as its voice is called, and echoes otherwise."""

from __future__ import annotations

import os
import struct
import sys
import time
from pathlib import Path

import numpy as np
import torch

from server.conversion.rvc.model import Converted, RvcModel, Window
from server.conversion.rvc.settings import ConversionSettings
from server.conversion.worker import progress_to, serve
from server.engines.protocol import write_message
from server.engines.worker import claim_pipes


class Broken(RvcModel):
    """Only what the models do is replaced: errors are translated where the real one's are."""

    freed = 0

    def _converted(self, window: Window, settings: ConversionSettings) -> Converted:
        match settings.voice:
            case "full":
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
            case "starved":
                raise MemoryError
            case "burnt":
                raise RuntimeError("CUDA error: an illegal memory access was encountered")
            case "garbled":  # as if a library had printed past claim_pipes
                sink.write(struct.pack("<II", 5, 0) + b"oops!")
            case "huge":
                sink.write(struct.pack("<II", 2**32 - 1, 0))
            case "mute":  # JSON, but no answer
                write_message(sink, {"type": "converted"})
            case "fetched":  # for longer than the process may be silent
                for number in range(4):
                    time.sleep(2)
                    self.report("Downloading", number / 4)
            case "slow":
                sys.stderr.write("in mid-window\n")
                time.sleep(100)
            case "odd":
                raise RuntimeError("shapes do not fit")
        frames = round(len(window.samples) / window.rate * 100)
        # What the process was started with comes back as the phases.
        phases = np.full(frames, self._memory_gb, np.float32)
        return Converted(window.samples, window.rate, phases)

    def free(self) -> None:
        Broken.freed += 1

    def memory(self) -> dict[str, int]:
        return {"cuda": 1000 + Broken.freed}


if __name__ == "__main__":
    source, sink = claim_pipes()
    device, models, voices, memory = sys.argv[1:5]
    model = Broken(device, Path(models), Path(voices), progress_to(sink), memory_gb=float(memory))
    os._exit(serve(model, source, sink))
