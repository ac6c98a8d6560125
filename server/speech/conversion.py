"""RVC behind the engine: opens a conversion for each line that wants one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np

from server.audio.chunk import AudioChunk
from server.audio.resample import Resampler
from server.conversion.process import Launch, RvcProcess
from server.conversion.rvc.files import RvcFolder
from server.conversion.rvc.model import Window
from server.conversion.rvc.settings import ConversionSettings, PitchMethod
from server.conversion.rvc.stream import AHEAD, FIRST_BLOCK, FRAME, RvcStream
from server.speech.fair_thread import FairThread
from server.speech.lane import Turn
from server.speech.rendition import RvcChoice

log = logging.getLogger("troupe.rvc")

_METHODS: dict[str, PitchMethod] = {"rmvpe": "rmvpe", "yin": "yin"}
_LOOK = 30.0
"""Seconds between two looks whether it is idle, at most."""
_SILENCE_RATE = 24_000
"""Hz of the rehearsed silence: Kokoro's rate and XTTS's."""


class Converters:
    """The RVC voices of a server and the process they speak in, which is started when first needed.

    ``launch`` looks at the settings in force; it raises Unavailable where the device cannot be used.
    """

    def __init__(self, home: Path, launch: Callable[[], Launch]) -> None:
        self.voices_folder = home / "rvc"
        self._folder = RvcFolder(self.voices_folder)
        self.process = RvcProcess(launch, home / "models" / "rvc", self.voices_folder)
        self._launch = launch
        self._thread = FairThread("rvc")

    def names(self) -> list[str]:
        """What people choose from: "Disabled", then the voices."""
        return self._folder.choices()

    def stamp(self) -> object:
        """Changes when a voice comes or goes; nothing is read for it."""
        return self._folder.stamp

    def open(self, choice: RvcChoice, rate: int, turn: Turn) -> Conversion:
        """A conversion for one line of speech at ``rate`` Hz; ``turn`` is its listener's."""
        self._launch()
        stream = RvcStream(self.process.convert_window, _settings_of(choice))
        return Conversion(stream, rate, turn, self._thread)

    async def rehearse(self, choice: RvcChoice) -> None:
        """Returns when all is loaded that this choice needs: a moment of silence is converted."""
        silence = np.zeros(round((FIRST_BLOCK + AHEAD) * FRAME * _SILENCE_RATE), np.float32)
        window = Window(silence, _SILENCE_RATE)
        await self._thread.run(Turn(), partial(self.process.convert_window, window, _settings_of(choice)))

    def close(self) -> None:
        """Give back the memory."""
        self.process.close()

    async def unload_when_idle(self, seconds: Callable[[], float]) -> None:
        """Run for ever: end the process after ``seconds`` without a conversion; 0 keeps it."""
        while True:
            await asyncio.sleep(min(seconds() or _LOOK, _LOOK))
            limit = seconds()
            if limit > 0 and await asyncio.to_thread(self.process.end_when_idle, limit):
                log.info("ended the voice conversion after %g s without use", limit)


def _settings_of(choice: RvcChoice) -> ConversionSettings:
    return ConversionSettings(
        voice=choice.voice,
        pitch=round(choice.pitch),
        index_rate=choice.index_rate,
        protect=choice.protect,
        pitch_method=_METHODS[choice.f0_method],
    )


class Conversion:
    """One line on its way through RVC: comes back at the rate it went in with."""

    def __init__(self, stream: RvcStream, rate: int, turn: Turn, thread: FairThread) -> None:
        self._stream = stream
        self._rate = rate
        self._turn = turn
        self._thread = thread
        self._resampler: Resampler | None = None

    async def push(self, chunk: AudioChunk) -> list[AudioChunk]:
        """What is ready after ``chunk``, all of whose blocks are converted in one turn."""
        if not self._stream.completes_block(chunk):
            return self._even(self._stream.convert(chunk))
        return self._even(await self._thread.run(self._turn, partial(self._stream.convert, chunk)))

    async def finish(self) -> list[AudioChunk]:
        """The rest."""
        rest = self._even(await self._thread.run(self._turn, self._stream.flush))
        if self._resampler is not None:
            rest.append(AudioChunk(self._resampler.flush(), self._rate))
        return rest

    def _even(self, chunks: Iterable[AudioChunk]) -> list[AudioChunk]:
        even = []
        for chunk in chunks:
            if self._resampler is None:
                self._resampler = Resampler(chunk.rate, self._rate)
            even.append(AudioChunk(self._resampler.push(chunk.samples), self._rate, chunk.words))
        return even
