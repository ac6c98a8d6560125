"""The clips of a narration: each part looked up, spoken and kept, or why it could not be."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from server.audio.formats import AudioFormat
from server.conversion.rvc.settings import DISABLED
from server.engines.registry import EngineRegistry
from server.errors import SpeechError, SynthesisFailed, Unavailable
from server.speech.casting import Casting
from server.speech.clip import Clip, ClipMaker
from server.speech.lane import Turn
from server.speech.language import AUTO
from server.speech.metrics import Metrics
from server.speech.narration_text import Part
from server.speech.rendition import Line
from server.speech.request import Delivery
from server.text.roles import CHARACTER

log = logging.getLogger("troupe.narration")

_LOAD_TIMEOUT = 120.0
"""Seconds a clip waits for an engine that is loading or starting again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a narration is to sound."""

    cast: Mapping[str, Delivery]
    """By role; ``character`` is always there and stands in for roles that are not."""
    format: AudioFormat
    language: str | None = None
    ahead: float = 30.0
    """Seconds of clips made beyond the last one fetched; two clips at least."""
    idle_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Made:
    """A finished clip, or why there is none."""

    part: Part
    clip: Clip | None
    error: SpeechError | None = None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a narration needs of the server."""

    registry: EngineRegistry
    casting: Casting
    maker: ClipMaker
    metrics: Metrics


class NarrationClips:
    """Makes the clips, several at once where asked to; ``unconverted`` is told of each role whose conversion failed."""

    def __init__(
        self, folder: str, plan: Plan, around: Surroundings, unconverted: Callable[[str, SpeechError], None]
    ) -> None:
        self._folder = folder
        self._plan = plan
        self._around = around
        self._tell_unconverted = unconverted
        self._unconverted: set[str] = set()
        """Roles that speak without conversion from now on, because theirs failed."""
        self._turn = Turn()

    @property
    def width(self) -> int:
        """As many as the engines batch together; with the one that is waited for they never idle."""
        around = self._around
        engines = {around.casting.engine_of(delivery) for delivery in self._plan.cast.values()}
        return sum(around.registry.at_once(engine) for engine in engines)

    async def make(self, part: Part, index: int) -> Made:
        """The clip of a part, or the error that its listener is told."""
        try:
            try:
                return Made(part, await self._speak(part, index))
            except Unavailable as error:
                if error.code != "engine_switched":
                    raise
                return Made(part, await self._speak(part, index))  # now with the new engine's voice
        except SpeechError as error:
            return Made(part, None, error)
        except Exception as error:
            log.exception("a clip broke")
            return Made(part, None, SynthesisFailed(f"The clip could not be made: {type(error).__name__}."))

    async def _speak(self, part: Part, index: int) -> Clip:
        around, before = self._around, self._turn.work
        role = part.role if part.role in self._plan.cast else CHARACTER
        with around.metrics.request() as watch:
            await around.casting.ready([self._plan.cast[role]], _LOAD_TIMEOUT)
            try:
                clip = await self._clip(part, index, role)
            except SpeechError as error:
                if not error.of_conversion:
                    raise
                self._leave_unconverted(role, error)
                clip = await self._clip(part, index, role)
            watch.sound(clip.duration)
            watch.finished(self._turn.work - before)
        return clip

    async def _clip(self, part: Part, index: int, role: str) -> Clip:
        around, plan, delivery = self._around, self._plan, self._plan.cast[role]
        if role in self._unconverted:
            delivery = replace(delivery, rvc=DISABLED)
        language = plan.language
        if language == AUTO and part.language in around.casting.languages(delivery):
            language = part.language  # else another engine speaks by now: it guesses anew
        rendition = around.casting.rendition(delivery, language, part.piece.text)
        rate = around.registry.capabilities(rendition.voice.engine).sample_rate
        line = Line(part.piece, rendition)
        return await around.maker.make(self._turn, line, rate, plan.format, f"{self._folder}/{index}")

    def _leave_unconverted(self, role: str, error: SpeechError) -> None:
        """A reply in the voice behind the conversion is better than none, if its listener knows why."""
        if role not in self._unconverted:
            self._unconverted.add(role)
            log.warning("a narration's %s speaks without RVC: %s", role, error.message)
            self._tell_unconverted(role, error)
