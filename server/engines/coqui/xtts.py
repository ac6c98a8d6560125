"""XTTS v2: clones a voice from seconds of speech, in seventeen languages, streaming inside the sentence."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from server.audio.chunk import AudioChunk
from server.engines.base import (
    Capabilities,
    Engine,
    EngineContext,
    Job,
    More,
    Option,
    OptionValue,
    SynthesisOptions,
    no_more,
)
from server.engines.coqui.shared import CODE_LICENCE, model_folders, not_installed
from server.engines.coqui.xtts_files import (
    FILES,
    FOLDER,
    LICENCE,
    NAME,
    accept_licence,
    is_licence_accepted,
    obtain_xtts,
)
from server.engines.coqui.xtts_options import (
    ACCEPT,
    AT_ONCE,
    MOST_AT_ONCE,
    OPTIONS,
    PENALTY,
    PRECISION,
    TEMPERATURE,
    TOP_K,
    TOP_P,
)
from server.engines.torch_options import CPU_FALLBACK, LOW_VRAM, MEMORY, SEED
from server.errors import InvalidRequest, NotFound, SpeechError, Unavailable
from server.text.piece import Piece
from server.voices.voice import Voice

if TYPE_CHECKING:
    import torch

    from server.engines.coqui.batch import Utterance
    from server.engines.coqui.latents import ClonedLatents
    from server.engines.coqui.placement import Placement
    from server.engines.coqui.xtts_model import Latents

LANGUAGES = (
    "en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh", "hu", "ko", "ja", "hi",
)  # fmt: skip
REST_AFTER = 5.0
"""Seconds of silence after which ``low_vram`` leaves the card."""


class Xtts(Engine):
    """The published model, and fine-tuned ones dropped into the models folder, whose voices carry their name."""

    capabilities = Capabilities(
        name="xtts",
        title="Coqui XTTS v2",
        description="Speaks in any voice it has heard for a few seconds. For a graphics card; slow without.",
        languages=LANGUAGES,
        sample_rate=24_000,
        code_licence=CODE_LICENCE,
        weights_licence=LICENCE,
        requirements=("torch", "coqui"),
        modules=("torch", "torchaudio", "TTS"),
        download_mb=2_000,
        weights=FILES,
        devices=("cuda", "mps", "cpu"),
        speed_range=(0.8, 1.25),
        batch_size=MOST_AT_ONCE,
        streams=True,
        clones=True,
        options=OPTIONS,
    )

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._device: torch.device | None = None
        self._speakers: dict[str, list[str]] = {}
        """Built-in ones by model."""
        self._placement: Placement | None = None
        self._cloned: ClonedLatents | None = None
        if self._value(LOW_VRAM) and context.device != "cpu":
            self.rest_after = REST_AFTER

    def load(self) -> None:
        """A fine-tuned model if one was dropped in and the published one is not there; else the published one."""
        try:
            import torch

            from server.engines import torch_runtime
            from server.engines.coqui.torchaudio_import import import_torchaudio

            import_torchaudio()
            import TTS.tts.models.xtts  # noqa: F401 - only to see that it is there

            from server.engines.coqui.latents import ClonedLatents
            from server.engines.coqui.placement import Placement
            from server.engines.coqui.xtts_model import speakers_of
        except (ImportError, OSError) as error:
            raise not_installed(error) from error
        models = self.context.models
        if self._value(ACCEPT) and not is_licence_accepted(models):
            accept_licence(models)
        if self.context.threads:
            torch.set_num_threads(self.context.threads)
        self._device = torch_runtime.open_device(self.context.device, float(self._value(MEMORY)))
        folders = {folder.name: folder for folder in model_folders(models) if folder.path.name != FOLDER}
        if not folders or (models / FOLDER).is_dir() or is_licence_accepted(models):
            folders = {NAME: obtain_xtts(models, self.context.report)} | folders
        self._cloned = ClonedLatents()
        self._placement = Placement(
            folders,
            self._device,
            _precision(str(self._value(PRECISION)), self._device),
            slots=int(self._value(AT_ONCE)),
            # Recorded graphs hold memory and take a second to make: not where the card is left again and again.
            graphs=not self._value(LOW_VRAM),
            cpu_fallback=bool(self._value(CPU_FALLBACK)),
            report=self.context.report,
        )
        with torch_runtime.model_errors(self.capabilities.title):
            self._speakers = {name: speakers_of(folder) for name, folder in folders.items()}
            self._placement.switch(next(iter(folders)))
        self._warm()

    def voices(self) -> Sequence[Voice]:
        """Built-in speakers; a fine-tuned model's are called ``model/speaker``."""
        return [
            Voice(
                id=speaker if name == NAME else f"{name}/{speaker}",
                engine=self.capabilities.name,
                name=speaker if name == NAME else f"{speaker} ({name})",
                languages=LANGUAGES,
                licence=LICENCE if name == NAME else "unknown",
                speaker=speaker,
            )
            for name, speakers in self._speakers.items()
            for speaker in speakers
        ]

    def synthesize(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> Iterator[AudioChunk]:
        """One piece alone, in chunks as they are made, the first after ten tokens."""
        return self.alone(piece, voice, options)

    def synthesize_batch(
        self, jobs: Sequence[Job], more: More = no_more
    ) -> Iterator[tuple[int, AudioChunk | SpeechError | None]]:
        """The pieces of all who wait, token by token together; others join while these are spoken."""
        placement, waiting, spoken, heard = self._loaded(), deque(jobs), dict[int, Job](), set[int]()
        try:
            while waiting or spoken:
                waiting.extend(more(MOST_AT_ONCE - len(waiting) - len(spoken)))
                yield from self._admit(waiting, spoken)
                again = []
                for key, item in placement.round():
                    if key not in heard and placement.makes_room(item):
                        again.append(spoken.pop(key))
                    elif item is None or isinstance(item, SpeechError):
                        del spoken[key]
                        yield key, item
                    else:
                        heard.add(key)
                        yield key, AudioChunk(item, placement.model.rate)
                waiting.extendleft(reversed(again))
        except SpeechError:  # only a new process mends it: nothing on the card may be touched any more
            raise
        except BaseException:  # nobody listens any more
            placement.clear()
            raise

    @property
    def at_once(self) -> int:
        """As many as the device has memory for."""
        return self._loaded().model.slots

    def prepare_voice(self, voice: Voice) -> None:
        """Latents are computed now rather than with the first sentence."""
        self._latents_of(voice)

    def rest(self) -> None:
        """Leave the card to whoever shares it."""
        self._loaded().rest()

    def memory(self) -> Mapping[str, int]:
        """What torch holds of the card."""
        from server.engines import torch_runtime

        return torch_runtime.memory_in_use(self._device) if self._device is not None else {}

    def _admit(self, waiting: deque[Job], spoken: dict[int, Job]) -> Iterator[tuple[int, SpeechError]]:
        """Begin with those who wait, in their order, while there is room; yields those who cannot be said."""
        from server.engines.coqui.batch import own_failure

        while waiting:
            job = waiting[0]
            try:
                with own_failure(self.capabilities.title):
                    job.options.cancel.check()
                    batch = self._loaded().batch_for(self._model_of(job.voice))
                    if batch is None:
                        return
                    batch.add(job.id, self._utterance(job))
            except SpeechError as error:
                yield job.id, error
            else:
                spoken[job.id] = job
            waiting.popleft()

    def _utterance(self, job: Job) -> Utterance:
        from server.engines.coqui.batch import Utterance
        from server.engines.coqui.sampling import Sampling

        options = job.options
        language = options.language.split("-")[0]
        if language not in LANGUAGES:
            raise InvalidRequest(
                f"XTTS does not speak {options.language!r}; it speaks {', '.join(LANGUAGES)}.",
                code="unsupported_language", param="language",
            )  # fmt: skip
        values = {option.name: option.default for option in OPTIONS} | dict(options.values)
        sampling = Sampling(
            float(values[TEMPERATURE.name]), int(values[TOP_K.name]), float(values[TOP_P.name]),
            float(values[PENALTY.name]), int(values[SEED.name]),
        )  # fmt: skip
        latents = self._latents_of(job.voice)
        return Utterance(job.piece.text, language, latents, sampling, options.speed, options.cancel)

    def _model_of(self, voice: Voice) -> str:
        """The model that a built-in speaker belongs to; a clone is spoken by whichever is loaded."""
        if voice.clips:
            return self._loaded().name
        name, _, speaker = voice.id.rpartition("/")
        name = name or NAME
        if speaker not in self._speakers.get(name, ()):
            raise NotFound(f"XTTS has no voice {voice.id!r}.", param="voice")
        return name

    def _latents_of(self, voice: Voice) -> Latents:
        placement = self._loaded()
        if not voice.clips:
            return placement.model.builtin(voice.id.rpartition("/")[2])
        assert self._cloned is not None
        return self._cloned.of(voice, placement.name, placement.model)

    def _loaded(self) -> Placement:
        if self._placement is None:
            raise Unavailable("XTTS is not loaded.")
        return self._placement

    def _warm(self) -> None:
        """One word, so that the first listener does not wait for kernels to be chosen."""
        voices = self.voices()
        for _ in self.synthesize(Piece("Hello.", 0, 6), voices[0], SynthesisOptions()) if voices else ():
            pass

    def _value(self, option: Option) -> OptionValue:
        return self.context.options.get(option.name, option.default)


def _precision(asked: str, device: torch.device) -> torch.dtype:
    """bfloat16 where the card computes in it; float16 overflows in this model."""
    import torch

    if asked == "auto":
        recent = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if recent else torch.float32
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[asked]
