"""AllTalk's requests as SillyTavern's provider makes them, and what comes back."""

from __future__ import annotations

import io
import wave
from typing import Any

import httpx
import numpy as np

FORM = {
    "text_input": "Hello there.",
    "text_filtering": "standard",
    "character_voice_gen": "high.wav",
    "narrator_enabled": "false",
    "narrator_voice_gen": "low.wav",
    "text_not_inside": "character",
    "language": "en",
    "output_file_name": "st_output",
    "output_file_timestamp": "true",
    "autoplay": "false",
    "autoplay_volume": "0.8",
}
"""What SillyTavern's provider sends."""
PAGE = {"Origin": "http://localhost:8000"}
HIGH, LOW = 220.0, 110.0


def generate(http: httpx.Client, **changes: object) -> httpx.Response:
    """The form, with ``changes``; None leaves a field out."""
    fields = {name: value for name, value in {**FORM, **changes}.items() if value is not None}
    return http.post("/api/tts-generate", data=fields, headers={**PAGE, "Cache-Control": "no-cache"})


def stream_query(**changes: object) -> dict[str, Any]:
    """What streaming is asked with."""
    usual = {"text": "Hello there.", "voice": "high.wav", "language": "en", "output_file": "stream_output.wav"}
    return {**usual, **changes}


def spoken(http: httpx.Client, **changes: object) -> np.ndarray:
    """The samples of the file that a form is answered with."""
    answer = generate(http, **changes)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "generate-success"
    return samples(http.get(answer.json()["output_file_url"]).content)


def samples(wav: bytes) -> np.ndarray:
    """Those of a file."""
    with wave.open(io.BytesIO(wav)) as sound:
        return np.frombuffer(sound.readframes(sound.getnframes()), "<i2").astype(float)


def seconds_of(pitch: float, sound: np.ndarray) -> float:
    """How long a voice of the tone engine hums."""
    size = 2400
    frames = sound[: len(sound) // size * size].reshape(-1, size) * np.hanning(size)
    spectra = np.abs(np.fft.rfft(frames, 4 * size))
    peaks = np.argmax(spectra, axis=1) * 24000 / (4 * size)
    return float(np.sum((np.abs(peaks - pitch) < 12) & (spectra.max(axis=1) > 1e5)) * size / 24000)


def failure(answer: httpx.Response, status: int, state: str = "generate-failure") -> str:
    """The message of a refusal in AllTalk's shape."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"status", "error", "message"}
    assert body["status"] == state
    assert body["error"] == body["message"]
    return str(body["message"])
