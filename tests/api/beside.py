"""Engines of the tests to be loaded beside each other, and what their voices are heard to say."""

from __future__ import annotations

import io
import wave

import httpx
import numpy as np
import pytest

from tests.api.bell_engine import ALLOWED
from tests.running import Running

TABLE = {
    "tone": "server.engines.tone:Tone",
    "bell": "tests.api.bell_engine:Bell",
    "gong": "tests.api.bell_engine:Gong",
    "chime": "tests.api.bell_engine:Chime",
    "broken": "tests.contract.broken_engine:Broken",
    "absent": "tests.contract.broken_engine:Absent",
}
LETTER = 0.06
"""Seconds of tone for a letter."""


def ask(http: httpx.Client, voice: str, **more: object) -> httpx.Response:
    """A sentence by a voice."""
    body = {"model": "x", "input": "Hello there.", "voice": voice, "response_format": "wav", **more}
    return http.post("/v1/audio/speech", json=body)


def heard(http: httpx.Client, voice: str) -> float:
    """Pitch of what a voice says, in Hz and within 2 %: of one engine or the other, no two voices have the same."""
    answer = ask(http, voice)
    assert answer.status_code == 200, answer.text
    return pytest.approx(pitch_of(*sound_of(answer.content)), rel=0.02)


def sound_of(data: bytes) -> tuple[np.ndarray, int]:
    """Samples and rate of a WAV file."""
    with wave.open(io.BytesIO(data)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64) / 32767
        return samples, file.getframerate()


def pitch_of(samples: np.ndarray, rate: int) -> float:
    """The loudest frequency, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum) * rate / len(samples))


def refusal(answer: httpx.Response, status: int) -> str:
    """Code, parameter and message of a refusal in OpenAI's envelope."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    return f"{error['code']} {error['param']}: {error['message']}"


def allow(server: Running, engine: str) -> None:
    """Let an engine do what it waits with."""
    folder = server.home / "models" / engine
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ALLOWED).touch()
