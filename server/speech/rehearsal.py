"""RVC made ready before anybody waits for it: a first conversion imports torch and loads models, for ten seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from server.conversion.rvc.installed import rvc_is_installed
from server.conversion.rvc.model import KEPT_VOICES
from server.conversion.rvc.settings import DISABLED
from server.engines.registry import EngineRegistry
from server.errors import SpeechError
from server.settings import Settings
from server.speech.conversion import Converters
from server.speech.rendition import RvcChoice
from server.voices.library import Library

log = logging.getLogger("troupe.rvc")

_LOOK_EVERY = 3.0
"""Seconds between two looks at what is chosen; a look reads settings and a folder."""


class Rehearsal:
    """Knows which RVC voices are chosen and converts a moment of silence to each, once for each change.

    A process that was ended because nobody used it is not started again: only another choice does that.
    """

    def __init__(
        self,
        registry: EngineRegistry,
        library: Library,
        converters: Converters,
        settings: Callable[[], Settings],
        *,
        look_every: float = _LOOK_EVERY,
    ) -> None:
        self._registry = registry
        self._library = library
        self._converters = converters
        self._settings = settings
        self._look_every = look_every
        self._rehearsed: frozenset[tuple[object, ...]] = frozenset()
        self.preparing = False
        self.problem = ""
        """Why what is chosen could not be prepared."""

    async def keep(self) -> None:
        """Run for ever: look, and prepare what is newly chosen. Failures are shown, never raised."""
        while True:
            if self._registry.state in ("ready", "degraded"):  # the engine comes first: it has the processor
                await self._look()
            await asyncio.sleep(self._look_every)

    async def _look(self) -> None:
        try:
            chosen = await asyncio.to_thread(self._chosen)
        except (SpeechError, OSError) as error:  # a damaged list or folder of voices, told where it is read
            log.debug("cannot tell which RVC voices are chosen: %s", error)
            return
        rvc = self._settings().rvc
        wanted = frozenset((choice.voice, rvc.f0_method, rvc.device, rvc.memory_gb) for choice in chosen)
        is_new = not wanted <= self._rehearsed
        self._rehearsed = wanted
        if is_new:
            await self._prepare(chosen)
        elif not wanted:
            self.problem = ""

    async def _prepare(self, chosen: list[RvcChoice]) -> None:
        self.preparing, self.problem = True, ""
        try:
            for choice in chosen:
                try:
                    await self._converters.rehearse(choice)
                except SpeechError as error:
                    if error.message == self.problem:
                        break  # not this voice's fault
                    self.problem = error.message
                    log.warning("the RVC voice %s could not be prepared: %s", choice.voice, error.message)
                except Exception as error:  # nobody waits for this; the next choice is to be prepared all the same
                    self.problem = f"The RVC voice {choice.voice} could not be prepared ({type(error).__name__})."
                    log.exception("the RVC voice %s could not be prepared", choice.voice)
                else:
                    log.info("the RVC voice %s is ready", choice.voice)
        finally:
            self.preparing = False

    def _chosen(self) -> list[RvcChoice]:
        """For everybody first, then for single voices; as many as are kept loaded."""
        rvc = self._settings().rvc
        if not (rvc.enabled and rvc_is_installed()):
            return []
        registry = self._registry
        names = [rvc.character, rvc.narrator]
        for engine in (registry.current, *registry.beside):
            names += self._library.conversions(engine)
        there = set(self._converters.names()) - {DISABLED}
        found = [name for name in dict.fromkeys(names) if name in there]
        return [RvcChoice(name, f0_method=rvc.f0_method) for name in found[:KEPT_VOICES]]
