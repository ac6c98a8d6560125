"""First clip of a narration whose text arrives as a model writes it, against the bare session on the same words.

    python -m tests.bench.narration

The clock of the narration starts with the push that completes the first sentence. Prints ratios of one run.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

import onnxruntime

from server.engines.base import EngineContext
from server.engines.kokoro.engine import WEIGHTS, Kokoro
from tests.bench.kokoro_bare import run_bare
from tests.e2e.real import RealServer, real_server

WORDS_A_SECOND = 20
ROUNDS = 5
FIRST = ("The old lighthouse keeper climbed the stairs slowly.", '"You came back," she said quietly.')
REST = " Then there was a long silence, and nobody in the room knew what to say about any of it."


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="troupe-bench-") as folder, real_server(Path(folder)) as server:
        engine = Kokoro(EngineContext(models=Path(folder) / "models" / "kokoro"))
        engine.load()
        session = onnxruntime.InferenceSession(
            str(engine.context.models / WEIGHTS.name), providers=["CPUExecutionProvider"]
        )
        print("| first sentence | bare session | first clip | ratio |")
        print("| --- | ---: | ---: | ---: |")
        for first in FIRST:
            bare, clip = [], []
            for _ in range(ROUNDS):
                bare.append(run_bare(session, engine, first))
                clip.append(first_clip(server, first))
            one, two = statistics.median(bare), statistics.median(clip)
            print(f"| {len(first)} characters | {one:.2f} s | {two:.2f} s | {two / one:.2f} |")


def first_clip(server: RealServer, first: str) -> float:
    """Seconds from the end of the first sentence to its clip."""
    with server.http() as http, server.http() as other:
        narration = http.post("/api/narrations", json={"format": "wav", "markup": "plain"}).json()
        made = threading.Event()

        def listen() -> None:
            with other.stream("GET", narration["events_url"]) as answer:
                for line in answer.iter_lines():
                    if line.startswith("data: ") and "url" in json.loads(line[6:]):
                        made.set()

        threading.Thread(target=listen, daemon=True).start()
        text, offset, started = first + REST, 0, 0.0
        for word in text.split(" "):
            http.post(f"{narration['url']}/text", json={"offset": offset, "text": word + " "})
            offset += len(word) + 1
            if not started and offset > len(first):
                started = time.perf_counter()
            time.sleep(1 / WORDS_A_SECOND)
            if made.is_set():
                break
        made.wait(60)
        took = time.perf_counter() - started
        http.delete(narration["url"])
    return took


if __name__ == "__main__":
    main()
