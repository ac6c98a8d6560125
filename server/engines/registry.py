"""The engines of a server: which one is current, which are loaded beside it, and going from one to another.

Switching loads the new engine first and only then ends the old one, so that a failed switch leaves the old one
speaking. Engines beside the current one are loaded in the background once it speaks, because only a loaded engine
can tell its voices; after an idle unload the next wish loads them again. What goes wrong with one engine stays in
its slot.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

from server.audio.chunk import AudioChunk
from server.engines.base import Capabilities, SynthesisOptions
from server.engines.setup import EngineSetup
from server.engines.slot import Slot, State
from server.engines.table import ENGINES, engine_class
from server.errors import SpeechError, Unavailable
from server.patience import within
from server.text.piece import Piece
from server.voices.voice import Voice

log = logging.getLogger("troupe.engines")

_LOOK = 30.0
"""Seconds between two looks for idle engines, at most."""
_RETRY_SECONDS = 30.0
"""How long after its failure an engine beside the current one is tried again, when somebody wants it."""


class EngineRegistry:
    """The engines of one server, the current one among them. Without a name, methods speak of the current one."""

    def __init__(
        self,
        setup: EngineSetup,
        table: Mapping[str, str] = ENGINES,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.setup = setup
        self.table = table
        self.current = ""
        """The engine that speaks, or will as soon as it is loaded."""
        self._clock = clock
        self._slots: dict[str, Slot] = {}
        self._target: Slot | None = None
        """The engine that is being switched to."""
        self._failure = ""
        """Why there is no current engine."""
        self._switching = asyncio.Lock()
        self._background: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()
        self._listeners: list[Callable[[], None]] = []

    def names(self) -> list[str]:
        """Every engine there is, installed or not."""
        return list(self.table)

    @property
    def beside(self) -> Sequence[str]:
        """Engines that can be spoken with besides the current one."""
        return self.beside_of(self.current)

    def beside_of(self, engine: str) -> Sequence[str]:
        """Those that can be while ``engine`` is the current one."""
        wanted = dict.fromkeys(self.setup.beside())
        return [name for name in wanted if name in self.table and name != engine]

    def capabilities(self, name: str | None = None) -> Capabilities:
        """What an engine can do."""
        return engine_class(name or self.current, self.table).capabilities

    def voices(self, name: str | None = None) -> Sequence[Voice]:
        """Built-in voices of an engine; empty while it has never been loaded."""
        slot = self._slots.get(name or self.current)
        return slot.voices if slot else ()

    def at_once(self, name: str) -> int:
        """Pieces that an engine speaks together."""
        slot = self._slots.get(name)
        return slot.at_once if slot else self.capabilities(name).batch_size

    def refusal(self, name: str) -> Unavailable:
        """Why the voices of an engine are not known."""
        slot = self._slots.get(name)
        return slot.refusal() if slot and slot.state == "degraded" else self._loading(name)

    @property
    def state(self) -> State:
        """How the current engine does. One that can speak goes on doing so while another is being loaded."""
        slot = self._slots.get(self.current)
        if slot is None:
            return "degraded" if self._failure else "unloaded"
        return "loading" if slot.state != "ready" and self._target is not None else slot.state

    @property
    def detail(self) -> str:
        """What it is doing, or why it cannot speak; while another engine is being loaded, what that one does."""
        shown = self._target or self._slots.get(self.current)
        return shown.detail if shown else self._failure

    @property
    def fraction(self) -> float | None:
        """How far it is, 0 to 1, where that is known."""
        shown = self._target or self._slots.get(self.current)
        return shown.fraction if shown else None

    @property
    def restarts(self) -> int:
        """How often workers had to be started again."""
        return sum(slot.restarts for slot in self._slots.values())

    @property
    def device(self) -> str:
        """Where the current engine computes: ``cpu``, ``cuda:0``; empty before it is loaded."""
        slot = self._slots.get(self.current)
        return slot.device if slot else ""

    def memory(self) -> dict[str, int]:
        """Bytes the current engine's worker uses: ``process``, and by kind of device where the engine tells."""
        slot = self._slots.get(self.current)
        return slot.memory() if slot else {}

    @property
    def worker_pid(self) -> int | None:
        """Process id of the current worker."""
        slot = self._slots.get(self.current)
        return slot.pid if slot else None

    def slot(self, name: str) -> Slot | None:
        """An engine that was asked for since the start; None for the others."""
        return self._slots.get(name)

    def slots(self) -> list[Slot]:
        """The current engine, then those that are, or are to be, loaded beside it."""
        wanted = [self.current, *self.beside, *(name for name, slot in self._slots.items() if slot.pid is not None)]
        return [self._slots[name] for name in dict.fromkeys(wanted) if name in self._slots]

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever an engine, its state or its progress change."""
        self._listeners.append(listener)

    async def load(self, name: str, *, unknown: str = "") -> None:
        """Make ``name`` current and ready. Raises why it cannot be; the engine before it then goes on.

        ``unknown`` is what people are told where there is no engine of that name: whoever names it knows where.
        """
        try:
            slot = self._slot(name)
        except SpeechError as error:
            if not self.current:
                self._failure = unknown if unknown and name not in self.table else error.message
                self._tell()
            raise
        async with self._switching:
            self.current = self.current or name
            self._target = slot
            try:
                await slot.load()
                self.current = name
            finally:
                self._target = None
                self._tell()
        self.settle()

    def settle(self) -> None:
        """Load in the background what is to be beside the current engine, retire what is not any more."""
        for slot in self._slots.values():
            if (slot.state != "unloaded" or slot.voices) and not self._is_wanted(slot):
                slot.retire(self._is_wanted)
        if self._background is None or self._background.done():
            self._background = asyncio.get_running_loop().create_task(self._load_beside())

    async def unload(self, name: str | None = None) -> None:
        """Give back an engine's memory when what it speaks has ended; the next wish loads it again."""
        slot = self._slots.get(name or self.current)
        if slot is not None:
            await slot.unload()

    async def reload(self, name: str) -> None:
        """Load the engine anew if it is current or beside: some things it sees only then. Raises why it cannot be."""
        slot = self._slots.get(name)
        if slot is None or not self._is_wanted(slot):
            return
        await slot.unload()  # what is being loaded is loaded first
        await slot.load()
        self.settle()  # in case nobody wants it any more

    async def close(self) -> None:
        """End everything, for good."""
        if self._background is not None:
            self._background.cancel()
            await asyncio.gather(self._background, return_exceptions=True)
        await asyncio.gather(*(slot.close() for slot in self._slots.values()))

    async def ready(self, timeout: float, name: str | None = None) -> None:
        """Wait until an engine can speak; Unavailable with the reason when it will not."""
        end = self._clock() + timeout
        while (state := self._state_of(name)) != "ready":
            is_current = name in (None, self.current)
            slot = self._slots.get(self.current) if is_current else self._slot(name or "")
            if slot is None:
                if state == "degraded":
                    raise Unavailable(f"The server cannot speak: {self._failure}", code="engine_failed")
            elif state == "unloaded" or (not is_current and slot.failed_before(_RETRY_SECONDS)):
                slot.wake()
            elif state == "degraded":
                raise slot.refusal()
            left = end - self._clock()
            if left <= 0:
                raise self._loading(name or self.current or "speech")
            self._changed.clear()
            try:
                await within(left, self._changed.wait())
            except asyncio.TimeoutError:
                continue

    def speak(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> AsyncGenerator[AudioChunk, None]:
        """Chunks of one piece from the voice's engine; leaving the generator cancels it."""
        return self._speaking(voice).speak(piece, voice, options)

    async def prepare(self, voice: Voice) -> None:
        """Let the voice's engine take in a cloned voice."""
        await self.ready(self.setup.deadlines().load, voice.engine)
        await self._speaking(voice).prepare(voice)

    async def unload_when_idle(self) -> None:
        """Run for ever: unload each engine after ``idle_unload_seconds`` without a job."""
        while True:
            await asyncio.sleep(min(self.setup.idle_unload_seconds() or _LOOK, _LOOK))
            limit = self.setup.idle_unload_seconds()
            for slot in [*self._slots.values()] if limit > 0 else []:
                if slot.idle_for(limit):
                    log.info("unloading %s after %g s without use", slot.name, limit)
                    await slot.unload()

    def _slot(self, name: str) -> Slot:
        if name not in self._slots:
            self._slots[name] = Slot(name, self.table, self.setup, on_change=self._tell, clock=self._clock)
        return self._slots[name]

    def _is_wanted(self, slot: Slot) -> bool:
        return slot is self._target or slot.name in (self.current, *self.beside)

    def _state_of(self, name: str | None) -> State:
        if name in (None, self.current):
            return self.state
        if name not in self.beside:
            slot = self._slots.get(name or "")
            if slot is None or not slot.can_speak:
                raise self._switched()
            return "ready"  # it still ends what it had begun before a switch
        return self._slot(name or "").state

    def _speaking(self, voice: Voice) -> Slot:
        """The slot of the voice's engine, be it only to finish what it had begun before a switch."""
        slot = self._slots.get(voice.engine)
        if slot is None or (voice.engine not in (self.current, *self.beside) and not slot.can_speak):
            raise self._switched()
        return slot

    def _loading(self, name: str) -> Unavailable:
        return Unavailable(
            f"The {name} engine is still loading. Try again in a moment.", code="engine_loading", retry_after=5
        )

    def _switched(self) -> Unavailable:
        return Unavailable(f"The engine was switched to {self.current} meanwhile.", code="engine_switched")

    async def _load_beside(self) -> None:
        """One after the other: they share the machine with the engine that speaks."""
        tried: set[str] = set()
        while new := [name for name in self.beside if name not in tried and not self.voices(name)]:
            tried.add(new[0])
            try:
                await self._slot(new[0]).load()
            except SpeechError as error:
                log.warning("%s cannot be loaded beside %s: %s", new[0], self.current, error.message)

    def _tell(self) -> None:
        self._changed.set()
        for listener in self._listeners:
            try:
                listener()
            except Exception:  # whoever listens must not stop an engine from being loaded
                log.exception("a listener failed")
