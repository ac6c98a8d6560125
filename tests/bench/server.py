"""The whole server over HTTP against the bare ONNX session, on the same pieces of text, in the same run, by turns.

    python -m tests.bench.server

Prints lines for the README: first sound and whole time for three lengths of text beside the bare session's time,
what the server itself adds, how it answers while it speaks, and memory. Figures of one machine in one hour: only
the ratios can be compared.
"""

from __future__ import annotations

import http.client
import json
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import onnxruntime
import psutil

from server.engines.base import EngineContext
from server.engines.kokoro.engine import WEIGHTS, Kokoro
from server.settings import load_settings
from server.speech.scripts import Scripts
from server.text.lexicon import Lexicon
from tests.bench.kokoro_bare import TEXTS, run_bare
from tests.e2e.real import RealServer, real_server

ROUNDS = 5
REQUESTS = 100
AT_ONCE = 8


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="troupe-bench-") as folder:
        home = Path(folder)
        with real_server(home / "tone", "--engine", "tone") as server:
            overhead = own_time(server)
        with real_server(home / "kokoro") as server:
            print("| characters | bare session | whole | ratio | first sound | of whole |")
            print("| ---: | ---: | ---: | ---: | ---: | ---: |")
            for line in speech(server, home / "kokoro"):
                print(line)
            ready, syntheses = while_speaking(server)
            memory = [psutil.Process(pid).memory_info().rss / 1e6 for pid in (server.process.pid, server.worker())]
    print()
    print(f"- The server's own part (`tone`): first byte after {overhead[0]:.1f} ms, p99 {overhead[1]:.1f} ms.")
    print(
        f"- `/api/ready` during {AT_ONCE} syntheses ({syntheses:.1f} s): p50 {ready[0]:.1f} ms, p99 {ready[1]:.1f} ms."
    )
    print(f"- Memory: server {memory[0]:.0f} MB, Kokoro's worker {memory[1]:.0f} MB.")


def speech(server: RealServer, home: Path) -> Iterator[str]:
    """A row for each length of text; the least of several, bare session and server by turns."""
    models = home / "models" / "kokoro"
    engine = Kokoro(EngineContext(models=models))
    engine.load()
    bare = onnxruntime.InferenceSession(str(models / WEIGHTS.name), providers=["CPUExecutionProvider"])
    scripts = Scripts(lambda: load_settings(None, {}, home), Lexicon())
    with server.http() as http:
        for length, text in TEXTS.items():
            pieces = [piece.text for piece in scripts.pieces(text, "en-us") if piece.text]
            runs = [
                (sum(run_bare(bare, engine, piece) for piece in pieces), *spoken(http, text)) for _ in range(ROUNDS)
            ]
            alone, first, whole = (min(run[column] for run in runs) for column in range(3))
            yield (
                f"| {length} | {alone:.2f} s | {whole:.2f} s | {whole / alone:.2f} "
                f"| {first:.2f} s | {first / whole:.2f} |"
            )


def spoken(http: httpx.Client, text: str) -> tuple[float, float]:
    """Seconds until the first sound and until the last."""
    body = {"model": "any", "input": text, "voice": "af_heart", "response_format": "pcm"}
    began, first = time.perf_counter(), 0.0
    with http.stream("POST", "/v1/audio/speech", json=body) as answer:
        answer.raise_for_status()
        for _ in answer.iter_raw():
            first = first or time.perf_counter() - began
    return first, time.perf_counter() - began


def own_time(server: RealServer) -> tuple[float, float]:
    """Median and p99 in milliseconds until the first byte, of an engine that takes no time."""
    with server.http() as client:
        while "gradio" not in client.get("/").text:  # the studio is imported on a thread of the same process
            time.sleep(0.5)
    body = {"model": "any", "input": "Hello, this is a test.", "voice": "nova", "response_format": "pcm"}
    # The plainest client: httpx itself takes two milliseconds.
    connection = http.client.HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]))
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    times = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        connection.request("POST", "/v1/audio/speech", json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read(1)
        times.append(time.perf_counter() - began)
        answer.read()
    connection.close()
    return percentiles(times)


def while_speaking(server: RealServer) -> tuple[tuple[float, float], float]:
    """Median and p99 in milliseconds of ``/api/ready``, and how many seconds the syntheses took."""

    def speak() -> None:
        with server.http() as http:
            spoken(http, TEXTS[100])

    with busy([threading.Thread(target=speak) for _ in range(AT_ONCE)]) as threads, server.http() as http:
        times, began = [], time.perf_counter()
        while any(thread.is_alive() for thread in threads):
            asked = time.perf_counter()
            http.get("/api/ready").raise_for_status()
            times.append(time.perf_counter() - asked)
            time.sleep(0.01)
        return percentiles(times), time.perf_counter() - began


@contextmanager
def busy(threads: Sequence[threading.Thread]) -> Iterator[Sequence[threading.Thread]]:
    """Threads that run while the block does."""
    for thread in threads:
        thread.start()
    yield threads
    for thread in threads:
        thread.join()


def percentiles(times: Sequence[float]) -> tuple[float, float]:
    """Median and p99, in milliseconds."""
    return statistics.median(times) * 1000, statistics.quantiles(times, n=100)[98] * 1000


if __name__ == "__main__":
    main()
