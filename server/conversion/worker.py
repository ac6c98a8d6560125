"""The process RVC's models live in: ``python -m server.conversion.worker``.

One window of sound after the other; it keeps nothing of a stream between them. A second thread reads, so that the
process ends when its standard input does, also in mid-window: it cannot outlive the server, however that ended.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO

import numpy as np

from server.conversion.rvc.model import Converted, RvcModel, Window
from server.conversion.rvc.settings import ConversionSettings
from server.engines.protocol import Message, error_to_wire, read_message, write_message
from server.engines.weights import Report
from server.engines.worker import RESTART_ME, claim_pipes
from server.errors import RESTART, SpeechError, SynthesisFailed

log = logging.getLogger("troupe.rvc")

_OUT_OF_MEMORY = "out_of_memory"


def window_to_wire(window: Window, settings: ConversionSettings) -> tuple[Message, bytes]:
    """A window as head and body (float32 little-endian samples)."""
    head = {
        "type": "window",
        "rate": window.rate,
        "first_frame": window.first_frame,
        "phase": window.phase,
        "settings": asdict(settings),
    }
    return head, np.ascontiguousarray(window.samples, "<f4").tobytes()


def converted_from_wire(head: Message, body: bytes) -> Converted:
    """The stretch that the worker sent: its samples, then the phases of its frames."""
    values = np.frombuffer(body, "<f4").astype(np.float32, copy=False)
    return Converted(values[: head["samples"]], head["rate"], values[head["samples"] :])


def progress_to(sink: BinaryIO) -> Report:
    """Tells the server that the model is still being fetched or loaded."""
    return lambda detail, fraction: write_message(sink, {"type": "progress", "detail": detail, "fraction": fraction})


def serve(model: RvcModel, source: BinaryIO, sink: BinaryIO) -> int:
    """Answer windows until the device is beyond repair; returns the exit status. The process ends with ``source``."""
    inbox: SimpleQueue[tuple[Message, bytes]] = SimpleQueue()
    threading.Thread(target=_read, args=(source, inbox), name="reader", daemon=True).start()
    while True:
        head, body = inbox.get()
        window = Window(np.frombuffer(body, "<f4").copy(), head["rate"], head["first_frame"], head["phase"])
        answer, body = _answer(model, window, ConversionSettings(**head["settings"]))
        code = answer["error"]["code"] if answer["type"] == "error" else None
        if code == _OUT_OF_MEMORY:
            model.free()  # now that the failed window is gone
        write_message(sink, {**answer, "memory": {} if code == RESTART else dict(model.memory())}, body)
        if code == RESTART:
            return RESTART_ME


def _read(source: BinaryIO, inbox: SimpleQueue[tuple[Message, bytes]]) -> None:
    """Reader thread: windows go to the queue."""
    try:
        while (received := read_message(source)) is not None:
            inbox.put(received)
    finally:
        # The main thread may be in mid-window or fetching a model: nobody is left to wait for it.
        os._exit(0)


def _answer(model: RvcModel, window: Window, settings: ConversionSettings) -> tuple[dict[str, Any], bytes]:
    try:
        done = model.convert_window(window, settings)
    except SpeechError as error:
        return {"type": "error", "error": error_to_wire(error)}, b""
    except MemoryError:
        failed = SynthesisFailed("The machine is out of memory.", code=_OUT_OF_MEMORY)
        return {"type": "error", "error": error_to_wire(failed)}, b""
    except Exception as error:  # a model library may raise anything; the worker lives on
        log.exception("conversion failed")
        failed = SynthesisFailed(f"The RVC voice {settings.voice!r} failed: {type(error).__name__}: {error}")
        return {"type": "error", "error": error_to_wire(failed)}, b""
    values = np.concatenate([done.samples, done.phases]).astype("<f4")
    return {"type": "converted", "rate": done.rate, "samples": len(done.samples)}, values.tobytes()


def main() -> None:
    """Device, models' folder, voices' folder and the ceiling in GB come on the command line."""
    source, sink = claim_pipes()
    device, models, voices, memory = sys.argv[1:5]
    model = RvcModel(device, Path(models), Path(voices), progress_to(sink), memory_gb=float(memory))
    status = serve(model, source, sink)
    # Model libraries may hold threads that never end; nothing is left to save.
    os._exit(status)


if __name__ == "__main__":
    main()
