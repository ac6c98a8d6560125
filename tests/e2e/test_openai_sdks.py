"""The official SDKs for Python and Node, on real speech; each format decoded by a library that did not write it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import wave
from pathlib import Path
from typing import Any

import av
import numpy as np
import openai
import pytest
import soundfile
from mutagen.aac import AAC

from server.voices.names import OPENAI_NAMES
from tests import listen
from tests.e2e.real import RealServer

pytestmark = pytest.mark.e2e

SAID = "Hello, this is a test."
MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
# How an SDK's error looks for each mistake: class, status, code, field at fault.
BAD = "BadRequestError"
ERRORS = {
    "voice": (BAD, 400, "invalid_value", "voice"),
    "no_voice": (BAD, 400, "missing_required_parameter", "voice"),
    "no_model": (BAD, 400, "missing_required_parameter", "model"),
    "no_input": (BAD, 400, "missing_required_parameter", "input"),
    "empty": (BAD, 400, "invalid_value", "input"),
    "long": (BAD, 400, "string_above_max_length", "input"),
    "format": (BAD, 400, "invalid_value", "response_format"),
    "slow": (BAD, 400, "invalid_value", "speed"),
    "fast": (BAD, 400, "invalid_value", "speed"),
    "speed": (BAD, 400, "invalid_value", "speed"),
    "stream_format": (BAD, 400, "invalid_value", "stream_format"),
    "language": (BAD, 400, "unsupported_language", "language"),
    "model": ("NotFoundError", 404, "model_not_found", "model"),
    "path": ("NotFoundError", 404, "not_found", None),
}


def seconds_of(name: str, data: bytes) -> float:
    """By Python's wave, libsndfile and mutagen; the server writes with libav."""
    if name == "pcm":
        return len(data) / 2 / 24_000
    if name == "wav":
        with wave.open(io.BytesIO(data)) as sound:
            return sound.getnframes() / sound.getframerate()
    if name == "aac":
        return float(AAC(io.BytesIO(data)).info.length)
    return len(samples_of(name, data)[0]) / samples_of(name, data)[1]


def samples_of(name: str, data: bytes) -> tuple[np.ndarray, int]:
    """By libsndfile."""
    with soundfile.SoundFile(io.BytesIO(_with_length(data) if name == "flac" else data)) as file:
        return file.read(frames=file.samplerate * 60, dtype="float32"), file.samplerate


def _with_length(flac: bytes) -> bytes:
    """A streamed FLAC says that its length is not known, and libsndfile does not find the end: tell it."""
    assert int.from_bytes(flac[18:26], "big") & (1 << 36) - 1 == 0
    with av.open(io.BytesIO(flac)) as container:
        length = sum(frame.samples for frame in container.decode(audio=0))
    return flac[:22] + length.to_bytes(4, "big") + flac[26:]


def same_sound(name: str, one: bytes, other: bytes) -> bool:
    """Byte for byte, but for Ogg, whose streams carry a random serial number."""
    if name == "opus":
        return np.array_equal(samples_of(name, one)[0], samples_of(name, other)[0])
    return one == other


@pytest.mark.parametrize("name", MEDIA_TYPES)
def test_python_hears_every_format(real: RealServer, name: str, tmp_path: Path) -> None:
    with openai.OpenAI(base_url=f"{real.url}/v1", api_key="any", max_retries=0) as client:
        whole = client.audio.speech.create(model="tts-1", voice="nova", input=SAID, response_format=name)  # type: ignore[arg-type]
        assert whole.response.headers["content-type"] == MEDIA_TYPES[name]
        with client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="nova", input=SAID, response_format=name  # type: ignore[arg-type]
        ) as streamed:
            streamed.stream_to_file(tmp_path / "streamed")
    assert same_sound(name, whole.content, (tmp_path / "streamed").read_bytes())
    assert 1.2 < seconds_of(name, whole.content) < 2.6
    if name in ("mp3", "opus", "flac"):
        assert listen.word_error_rate(SAID, listen.transcribe(*samples_of(name, whole.content))) == 0


def test_python_is_told_what_is_wrong(real: RealServer) -> None:
    with openai.OpenAI(base_url=f"{real.url}/v1", api_key="any", max_retries=0) as client:
        with pytest.raises(openai.BadRequestError) as refusal:
            client.audio.speech.create(model="tts-1", voice="af_nowa", input=SAID)
        assert (refusal.value.param, refusal.value.code) == ("voice", "invalid_value")
        assert "af_nova" in refusal.value.message


@pytest.fixture(scope="module")
def from_node(
    real: RealServer, node: str, node_modules: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Path]:
    """What the SDK for Node found, and the folder of the sounds it wrote."""
    folder = tmp_path_factory.mktemp("node")
    done = subprocess.run(
        [node, str(Path(__file__).with_name("speak.mjs")), real.url, str(folder)],
        env={**os.environ, "TROUPE_NODE_MODULES": str(node_modules)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return json.loads(done.stdout), folder


@pytest.mark.parametrize("name", MEDIA_TYPES)
def test_node_hears_every_format(from_node: tuple[dict[str, Any], Path], name: str) -> None:
    found, folder = from_node
    assert found["formats"][name]["type"] == MEDIA_TYPES[name]
    assert found["formats"][name]["parts"] >= 1
    whole, streamed = ((folder / f"{kind}.{name}").read_bytes() for kind in ("whole", "streamed"))
    assert same_sound(name, whole, streamed)
    assert 1.2 < seconds_of(name, whole) < 2.6


def test_node_knows_all_thirteen_names(from_node: tuple[dict[str, Any], Path]) -> None:
    found, _ = from_node
    assert set(found["names"]) == set(OPENAI_NAMES)
    assert all(0.2 < size / 48_000 < 1.5 for size in found["names"].values())
    assert {"tts-1", "kokoro"} <= set(found["models"])


@pytest.mark.parametrize("mistake", ERRORS)
def test_node_is_told_what_is_wrong(from_node: tuple[dict[str, Any], Path], mistake: str) -> None:
    error = from_node[0]["errors"][mistake]
    assert (error["kind"], error["status"], error["code"], error["param"]) == ERRORS[mistake]
    assert error["type"] == "invalid_request_error"
    assert error["id"].startswith("req_")
    assert error["message"].startswith(f"{error['status']} ")
