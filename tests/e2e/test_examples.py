"""The examples of the original documentation, word for word, against a real server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import httpx
import pytest

from tests import listen
from tests.e2e.real import DOCUMENTED_PORT, RealServer, samples_of_wav

pytestmark = pytest.mark.e2e

EXAMPLES = Path(__file__).parents[1] / "data" / "documentation"
SAID = "Hello, this is a test."


@pytest.fixture
def examples(real: RealServer, tmp_path: Path) -> Path:
    """A folder of them; where the documented port belongs to somebody else, the port is ours."""
    port = httpx.URL(real.url).port
    for example in EXAMPLES.iterdir():
        text = example.read_text(encoding="utf-8")
        (tmp_path / example.name).write_text(text.replace(str(DOCUMENTED_PORT), str(port)), encoding="utf-8")
    return tmp_path


def run(command: list[str], folder: Path, **environ: str) -> bytes:
    """What a program prints."""
    plain = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    done = subprocess.run(
        command, cwd=folder, env={**plain, **environ}, stdin=subprocess.DEVNULL, capture_output=True, timeout=180
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def check(file: Path) -> None:
    """It opens in Python's own reader, lasts as long as such a sentence does, and says it."""
    with wave.open(str(file)) as sound:
        assert 1.0 < sound.getnframes() / sound.getframerate() < 3.0
    heard = listen.transcribe(samples_of_wav(file.read_bytes()), 24_000)
    assert listen.word_error_rate(SAID, heard) == 0, heard


def curl() -> str:
    """A shell that can run the example as it stands."""
    if shutil.which("curl") is None or (shell := shutil.which("sh")) is None:
        pytest.skip("there is no curl, or no shell for its quotes, on this machine")
    return shell


def test_curl(examples: Path) -> None:
    (examples / "output.wav").write_bytes(run([curl(), "speech.sh"], examples))
    check(examples / "output.wav")


def test_python_requests(examples: Path) -> None:
    assert run([sys.executable, "speech.python"], examples).decode().strip() == "Audio file saved as output.wav"
    check(examples / "output.wav")


def test_javascript_in_a_page_of_another_port(
    examples: Path, node: str, node_modules: Path, chromium: Path
) -> None:
    page = Path(__file__).with_name("page.mjs")
    command = [node, str(page), str(chromium), str(examples / "speech.js"), str(examples / "output.wav")]
    printed = run(command, examples, TROUPE_NODE_MODULES=str(node_modules)).decode()
    assert "Audio file saved as output.wav" in printed
    assert "suggested name: output.wav" in printed
    check(examples / "output.wav")


def test_curl_that_maps_the_voices(examples: Path, real: RealServer, real_http: httpx.Client) -> None:
    shell = curl()
    try:
        printed = run([shell, "voicemap.sh"], examples)
        assert printed == b'{"message":"OpenAI voice mappings updated successfully"}'
        voices = real_http.get("/api/openai-voicemap").json()["voices"]
        assert voices["nova"] == {"set": "female_01.wav", "voice": "af_alloy"}
        assert voices["onyx"]["set"] == "male_01.wav"
        assert voices["onyx"]["voice"] != voices["shimmer"]["voice"]
        body = {"model": "any", "input": "Hi.", "voice": "shimmer", "response_format": "wav"}
        assert real_http.post("/v1/audio/speech", json=body).status_code == 200
    finally:
        reset = dict.fromkeys(("alloy", "echo", "fable", "nova", "onyx", "shimmer"))
        real_http.put("/api/openai-voicemap", json=reset).raise_for_status()
