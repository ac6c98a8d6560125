"""What the tests of the studio's pages share: a server of their own, and the hands and ears of a person."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from openai import OpenAI
from playwright.sync_api import Page

REPOSITORY = Path(__file__).resolve().parents[3]
PATIENCE = 20_000
"""Milliseconds; two busy cores are slow."""


@dataclass(frozen=True)
class Served:
    """A server in a process of its own: Gradio has a memory and warnings of its own, too."""

    url: str
    home: Path
    process: subprocess.Popen[str]

    def get(self, path: str) -> Any:
        return httpx.get(self.url + path, timeout=30).raise_for_status().json()

    def put(self, path: str, body: object) -> None:
        httpx.put(self.url + path, json=body, timeout=30).raise_for_status()

    def stop(self) -> float:
        """End it; returns how many seconds that took."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(30)
        return time.monotonic() - began


@contextmanager
def started(home: Path, *command: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=REPOSITORY,
        env={**os.environ, "TROUPE_HOME": str(home), **variables},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def open_studio(url: str, **headers: str) -> None:
    """Wait until Gradio's page stands where the waiting page did."""
    end = time.monotonic() + 120
    while "x-troupe-studio" in httpx.head(url, headers=headers).headers:
        assert time.monotonic() < end
        time.sleep(0.2)


def go(page: Page, *tabs: str) -> None:
    """Open a tab, then one within it."""
    for name in tabs:
        page.get_by_role("tab", name=name, exact=True).click()


def hears(page: Page, player: str = "#speak-player") -> None:
    """Sound comes out of the player."""
    page.wait_for_function(
        "(id) => { const a = document.querySelector(`${id} audio`); return a.duration > 0 && a.currentTime > 0.2; }",
        arg=player,
    )


def pcm(served: Served, voice: str) -> bytes:
    """What the official client hears."""
    client = OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0)
    text = "Hello, this is a test."
    return client.audio.speech.create(model="tts-1", voice=voice, input=text, response_format="pcm").content
