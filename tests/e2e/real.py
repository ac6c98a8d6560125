"""A real server with Kokoro in a process of its own, and what it says, each take made once."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from server.boot.launch import REPOSITORY, child_environment
from server.boot.state import read_state

RATE = 24_000
DOCUMENTED_PORT = 7851
_START_SECONDS = 120
"""Joining the weights, loading the model and a warm-up sentence, on a machine that does other things too."""


@dataclass(frozen=True, slots=True)
class RealServer:
    """A server that answers."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]

    def http(self, **kwargs: Any) -> httpx.Client:
        """A client for it, patient enough for long texts."""
        return httpx.Client(base_url=self.url, timeout=300, **kwargs)

    def worker(self) -> int:
        """Process id of the worker: of the server's children the one that holds the model."""
        import psutil

        children = psutil.Process(self.process.pid).children(recursive=True)
        return int(max(children, key=lambda child: child.memory_info().rss).pid)


@contextmanager
def real_server(home: Path, *arguments: str, port: int = 0) -> Iterator[RealServer]:
    """``python -m server`` with this Python, on any free port unless told, until the block ends."""
    own = {key: value for key, value in os.environ.items() if not key.startswith("TROUPE_")}
    log = home / "output.txt"
    home.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "server", "--this-python", "--port", str(port), *arguments],
            cwd=REPOSITORY,
            env={**child_environment(own), "TROUPE_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield RealServer(_url_when_ready(home, process, log), home, process)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _url_when_ready(home: Path, process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        state = read_state(home / "state.json")
        if state.get("phase") == "ready":
            return str(state["url"])
        if state.get("phase") == "failed":
            break
        time.sleep(0.1)
    raise RuntimeError(f"the server did not become ready:\n{log.read_text(encoding='utf-8', errors='replace')}")


def is_free(port: int) -> bool:
    """Nobody listens there, on either loopback address: ``localhost`` may mean both."""
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.settimeout(1)
                if probe.connect_ex((address, port)) == 0:
                    return False
        except OSError:  # no IPv6 here
            continue
    return True


@dataclass
class Takes:
    """Speech of a server as samples at 24 kHz; what was said once is not said again."""

    server: RealServer
    _made: dict[tuple[str, str, float], np.ndarray] = field(default_factory=dict)

    def say(self, text: str, voice: str = "nova", speed: float = 1.0) -> np.ndarray:
        """Mono samples between -1 and 1."""
        key = (text, voice, speed)
        if key not in self._made:
            body = {"model": "any", "input": text, "voice": voice, "speed": speed, "response_format": "pcm"}
            with self.server.http() as http:
                answer = http.post("/v1/audio/speech", json=body)
            answer.raise_for_status()
            self._made[key] = np.frombuffer(answer.content, "<i2").astype(np.float32) / 32768
        return self._made[key]


def samples_of_wav(data: bytes) -> np.ndarray:
    """Of a WAV file that tells its length."""
    with wave.open(io.BytesIO(data)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (RATE, 1, 2)
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(np.float32) / 32768
