"""What an engine author writes: ``capabilities``, ``load``, ``voices`` and ``synthesize``.

An engine is plain synchronous Python that lives in a worker process. Its module is also imported by the
server, only to read ``capabilities``: so model libraries are imported in ``load``, never at the top.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

from server.audio.chunk import AudioChunk
from server.engines.weights import WeightFile
from server.errors import Cancelled, InvalidRequest, SpeechError
from server.text.piece import Piece
from server.voices.voice import Voice

OptionValue = float | int | bool | str


@dataclass(frozen=True, slots=True)
class Option:
    """One knob of an engine, as the studio and the settings show it."""

    name: str
    kind: Literal["float", "int", "bool", "choice"]
    default: OptionValue
    title: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    reload: bool = False
    """True where a change needs the engine to be loaded again."""

    def check(self, value: OptionValue) -> OptionValue:
        """The value, converted; raises InvalidRequest naming what is accepted."""
        if self.kind == "choice":
            if value not in self.choices:
                raise InvalidRequest(
                    f"{self.name} must be one of {', '.join(self.choices)}, not {value!r}.", param=self.name
                )
            return value
        if self.kind == "bool":
            if not isinstance(value, bool):
                raise InvalidRequest(f"{self.name} must be true or false, not {value!r}.", param=self.name)
            return value
        if isinstance(value, (bool, str)):
            raise InvalidRequest(f"{self.name} must be a number, not {value!r}.", param=self.name)
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise InvalidRequest(
                f"{self.name} must be between {self.low:g} and {self.high:g}, not {value:g}.", param=self.name
            )
        return int(value) if self.kind == "int" else float(value)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an engine can do; the rest of Troupe asks here and nowhere else."""

    name: str
    """The engine's id: ``kokoro``."""
    title: str
    """What people read: ``Kokoro 82M``."""
    description: str
    languages: tuple[str, ...]
    """Lower-case BCP 47 tags it can speak."""
    sample_rate: int
    """Hz of the chunks it yields."""
    code_licence: str
    weights_licence: str
    requirements: tuple[str, ...] = ()
    """Lists in ``server/requirements`` that it needs, without ``.txt``."""
    modules: tuple[str, ...] = ()
    """Importable names that tell whether it is installed."""
    download_mb: int = 0
    """Size of what installing it fetches, in megabytes (packages and weights)."""
    devices: tuple[str, ...] = ("cpu",)
    """Kinds of device it runs on: cpu, cuda, mps."""
    speed_range: tuple[float, float] = (1.0, 1.0)
    """Speeds the model itself speaks well; anything beyond is time-stretched behind it."""
    batch_size: int = 1
    """Jobs ``synthesize_batch`` wants at once."""
    streams: bool = False
    """Yields several chunks while one piece is being made."""
    word_times: bool = False
    phonemes: bool = False
    blends: bool = False
    clones: bool = False
    needs_transcript: bool = False
    options: tuple[Option, ...] = ()
    weights: tuple[WeightFile, ...] = ()
    """Files that loading fetches or checks; empty where a package brings them ready."""


class Cancel:
    """A flag that stops one job, inside the sentence: polled, or with a callback for libraries that can be told."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []

    def set(self) -> None:
        """Cancel; runs the callbacks once, on the caller's thread."""
        with self._lock:
            if self._event.is_set():
                return
            self._event.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback()

    def is_set(self) -> bool:
        """True once cancelled."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise Cancelled once cancelled."""
        if self._event.is_set():
            raise Cancelled("Stopped.")

    @contextmanager
    def calling(self, callback: Callable[[], None]) -> Iterator[None]:
        """While the block runs, a cancel calls ``callback`` (at once if it has already happened)."""
        with self._lock:
            late = self._event.is_set()
            if not late:
                self._callbacks.append(callback)
        if late:
            callback()
        try:
            yield
        finally:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)


@dataclass(frozen=True, slots=True)
class SynthesisOptions:
    """How a piece is to be spoken."""

    language: str = "en"
    """Lower-case BCP 47 tag; one of the engine's."""
    speed: float = 1.0
    """Within the engine's ``speed_range``; 1 is the model's own pace."""
    values: Mapping[str, OptionValue] = field(default_factory=dict)
    """Values of the engine's ``options``, checked."""
    cancel: Cancel = field(default_factory=Cancel)


@dataclass(frozen=True, slots=True)
class Job:
    """One piece to speak, as the worker hands it to ``synthesize_batch``."""

    id: int
    piece: Piece
    voice: Voice
    options: SynthesisOptions


More = Callable[[int], Sequence[Job]]
"""Hands over up to so many jobs that have come meanwhile; none if none wait."""


def no_more(most: int) -> Sequence[Job]:
    """Nobody else waits."""
    return ()


@dataclass(frozen=True, slots=True)
class EngineContext:
    """What an engine is given when it is made."""

    device: str = "cpu"
    """``cpu``, ``cuda``, ``cuda:N`` or ``mps``: already resolved, never ``auto``."""
    models: Path = Path()
    """The engine's own folder in ``TROUPE_HOME/models``; may not exist yet."""
    threads: int = 0
    """Threads to compute with; 0 means the engine's choice."""
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    """Values of the options marked ``reload``."""
    report: Callable[[str, float | None], None] = lambda detail, fraction: None
    """Tell people what ``load`` is doing, with a fraction from 0 to 1 where it is known."""


class Engine(ABC):
    """A speech engine. Raise SpeechError subclasses; anything else is reported as a failure of the model."""

    capabilities: ClassVar[Capabilities]
    rest_after: float | None = None
    """Seconds without work after which ``rest`` is called; None: never."""

    def __init__(self, context: EngineContext) -> None:
        self.context = context

    @abstractmethod
    def load(self) -> None:
        """Load the model and warm it up; raises Unavailable naming what to install."""

    @abstractmethod
    def voices(self) -> Sequence[Voice]:
        """Built-in voices, after ``load``."""

    @abstractmethod
    def synthesize(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> Iterator[AudioChunk]:
        """Speak one piece; look at ``options.cancel`` while working. Word times count from each chunk's start."""

    def synthesize_batch(
        self, jobs: Sequence[Job], more: More = no_more
    ) -> Iterator[tuple[int, AudioChunk | SpeechError | None]]:
        """Speak several pieces; yields (job id, chunk), then (job id, None) at its end or (job id, error).

        An engine that can take further pieces in while it speaks asks ``more`` for them.
        """
        for job in jobs:
            try:
                for chunk in self.synthesize(job.piece, job.voice, job.options):
                    yield job.id, chunk
            except SpeechError as error:
                yield job.id, error
            else:
                yield job.id, None

    @property
    def at_once(self) -> int:
        """Pieces it can really speak together, asked after ``load``: fewer than its batch where memory is short."""
        return self.capabilities.batch_size

    def alone(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> Iterator[AudioChunk]:
        """``synthesize`` for engines that write ``synthesize_batch``: a batch of one."""
        for _, item in self.synthesize_batch([Job(0, piece, voice, options)]):
            if isinstance(item, SpeechError):
                raise item
            if item is not None:
                yield item

    def prepare_voice(self, voice: Voice) -> None:
        """Take in a cloned voice's clips; raises InvalidRequest when they cannot be used."""
        raise InvalidRequest(f"{self.capabilities.title} cannot clone voices.", code="cannot_clone")

    def memory(self) -> Mapping[str, int]:
        """Bytes in use by kind (``cuda``), where the engine knows; the process's own memory is added outside."""
        return {}

    def rest(self) -> None:  # noqa: B027 - most engines have nothing to put away
        """Called once after ``rest_after`` seconds without work: give back what the next job can fetch again."""

    def unload(self) -> None:  # noqa: B027 - the process ends anyway; for engines that hold files
        """Called before the worker ends."""
