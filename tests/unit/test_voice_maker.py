"""A clone that was not finished leaves nothing behind."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from server.audio.wav import wav_bytes
from server.engines.base import Capabilities
from server.engines.tone import Tone
from server.errors import SynthesisFailed
from server.speech.voices import NewClone, VoiceMaker
from server.voices.library import Library
from server.voices.names import Catalogue
from server.voices.voice import Voice

pytestmark = pytest.mark.unit


class Engine:
    """An engine that takes its time to take a voice in, or fails."""

    current = "tone"
    beside = ()

    def __init__(self, library: Library, fails: bool) -> None:
        self.asked = asyncio.Event()
        self._library = library
        self._fails = fails

    def capabilities(self, name: str | None = None) -> Capabilities:
        return Tone.capabilities

    def catalogue_of(self, engine: str) -> Catalogue:
        return Catalogue(engine, [])

    async def prepare(self, voice: Voice) -> None:
        self.asked.set()
        assert list(self._library.voices("tone")) == [voice]
        if self._fails:
            raise SynthesisFailed("The engine could not take the clip in.")
        await asyncio.sleep(3600)


@pytest.mark.parametrize("fails", [True, False], ids=["the engine fails", "the client goes away"])
def test_a_clone_that_is_not_finished_is_not_kept(tmp_path: Path, fails: bool) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 24_000 * 8).astype(np.float32)
    library = Library(tmp_path)

    async def run() -> None:
        engine: Any = Engine(library, fails)
        maker = VoiceMaker(engine, engine, library)
        task = asyncio.create_task(maker.clone(NewClone("Ada", [wav_bytes(noise, 24_000)], consent=True)))
        await engine.asked.wait()
        task.cancel()
        with suppress(asyncio.CancelledError, SynthesisFailed):
            await task

    asyncio.run(run())
    assert not library.voices("tone")
