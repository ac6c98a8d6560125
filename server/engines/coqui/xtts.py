"""XTTS v2: clones a voice from seconds of speech, in seventeen languages, streaming inside the sentence."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from server.audio.chunk import AudioChunk
from server.engines.base import Capabilities, Engine, EngineContext, Option, SynthesisOptions
from server.engines.coqui.shared import CODE_LICENCE, ModelFolder, model_folders, not_installed, read_clip
from server.engines.coqui.xtts_files import (
    FILES,
    FOLDER,
    LICENCE,
    NAME,
    accept_licence,
    is_licence_accepted,
    obtain_xtts,
)
from server.errors import InvalidRequest, NotFound, Unavailable
from server.text.piece import Piece
from server.voices.voice import Voice

if TYPE_CHECKING:
    import torch

    from server.engines.coqui.xtts_model import Latents, XttsModel

LANGUAGES = (
    "en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh", "hu", "ko", "ja", "hi",
)  # fmt: skip
KEPT_LATENTS = 64
"""Cloned voices whose latents are kept; each is some 130 kB."""

TEMPERATURE = Option("temperature", "float", 0.75, "Liveliness: higher varies more, lower is steadier", 0.05, 1.5)
PENALTY = Option("repetition_penalty", "float", 10.0, "Against repeated sounds and long silences", 1.0, 20.0)
TOP_P = Option("top_p", "float", 0.85, "Share of the likeliest sounds to choose from", 0.05, 1.0)
TOP_K = Option("top_k", "int", 50, "Number of the likeliest sounds to choose from", 1, 500)
SEED = Option("seed", "int", 0, "The same seed says the same sentence in the same way", 0, 2**31 - 1)
PRECISION = Option(
    "precision", "choice", "auto", "Numbers the speech model computes with (auto: bfloat16 on recent cards)",
    choices=("auto", "float32", "float16", "bfloat16"), reload=True,
)  # fmt: skip
MEMORY = Option(
    "memory_gb", "float", 0.0, "Most memory of the graphics card, in GB (0: no limit)", 0, 1024, reload=True
)
ACCEPT = Option(
    "accept_cpml", "bool", False, "I accept the Coqui Public Model License (non-commercial use)", reload=True
)
OPTIONS = (TEMPERATURE, PENALTY, TOP_P, TOP_K, SEED, PRECISION, MEMORY, ACCEPT)


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
        streams=True,
        clones=True,
        options=OPTIONS,
    )

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._model: XttsModel | None = None
        self._loaded_name = ""
        self._folders: dict[str, ModelFolder] = {}
        self._speakers: dict[str, list[str]] = {}
        self._latents: OrderedDict[tuple[str, ...], Latents] = OrderedDict()
        self._device: torch.device | None = None

    def load(self) -> None:
        """A fine-tuned model if one was dropped in and the published one is not there; else the published one."""
        try:
            import torch

            from server.engines import torch_runtime
            from server.engines.coqui.torchaudio_import import import_torchaudio

            import_torchaudio()
            import TTS.tts.models.xtts  # noqa: F401 - only to see that it is there

            from server.engines.coqui.xtts_model import speakers_of
        except (ImportError, OSError) as error:
            raise not_installed(error) from error
        models = self.context.models
        if self._value(ACCEPT) and not is_licence_accepted(models):
            accept_licence(models)
        if self.context.threads:
            torch.set_num_threads(self.context.threads)
        self._device = torch_runtime.open_device(self.context.device, float(self._value(MEMORY)))
        self._folders = {folder.name: folder for folder in model_folders(models) if folder.path.name != FOLDER}
        if not self._folders or (models / FOLDER).is_dir() or is_licence_accepted(models):
            self._folders = {NAME: obtain_xtts(models, self.context.report)} | self._folders
        with torch_runtime.model_errors(self.capabilities.title):
            self._speakers = {name: speakers_of(folder) for name, folder in self._folders.items()}
            self._switch(next(iter(self._folders)))
        self.context.report("Warming up", None)
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
        """Chunks as they are made, the first after some ten tokens."""
        from server.engines import torch_runtime
        from server.engines.coqui.decode import Sampling

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
        with torch_runtime.model_errors(self.capabilities.title):
            latents = self._latents_of(voice)
            model = self._running()
            said = model.speak(piece.text, language, latents, sampling, options.speed, options.cancel)
            for samples in said:
                options.cancel.check()
                yield AudioChunk(samples, model.rate)

    def prepare_voice(self, voice: Voice) -> None:
        """Latents are computed now rather than with the first sentence."""
        self._latents_of(voice)

    def memory(self) -> Mapping[str, int]:
        """What torch holds of the card."""
        from server.engines import torch_runtime

        return torch_runtime.memory_in_use(self._device) if self._device is not None else {}

    def _latents_of(self, voice: Voice) -> Latents:
        """Of a built-in speaker, whose model is loaded if another is; of a clone from its clips, then kept."""
        if not voice.clips:
            name, _, speaker = voice.id.rpartition("/")
            self._switch(name or NAME)
            if speaker not in self._speakers.get(name or NAME, []):
                raise NotFound(f"XTTS has no voice {voice.id!r}.", param="voice")
            return self._running().builtin(speaker)
        key = (self._loaded_name, *(f"{clip}:{_stamp(clip)}" for clip in voice.clips))
        if key not in self._latents:
            self._latents[key] = self._running().clone([read_clip(clip) for clip in voice.clips])
            while len(self._latents) > KEPT_LATENTS:
                self._latents.popitem(last=False)
        self._latents.move_to_end(key)
        return self._latents[key]

    def _running(self) -> XttsModel:
        if self._model is None:
            raise Unavailable("XTTS is not loaded.")
        return self._model

    def _switch(self, name: str) -> None:
        """Have the model ``name`` loaded; only one is, since each takes two gigabytes."""
        if self._loaded_name == name and self._model is not None:
            return
        if name not in self._folders:
            raise NotFound(f"There is no XTTS model {name!r}.", param="voice")
        from server.engines import torch_runtime
        from server.engines.coqui.xtts_model import XttsModel

        assert self._device is not None
        self._model = None
        torch_runtime.free_memory(self._device)
        self.context.report(f"Loading {name}", None)
        precision = _precision(str(self._value(PRECISION)), self._device)
        self._model = XttsModel(self._folders[name], self._device, precision, graphs=True)
        self._loaded_name = name

    def _warm(self) -> None:
        """One word, so that the first listener does not wait for kernels to be chosen."""
        voices = self.voices()
        for _ in self.synthesize(Piece("Hello.", 0, 6), voices[0], SynthesisOptions()) if voices else ():
            pass

    def _value(self, option: Option) -> float | int | bool | str:
        return self.context.options.get(option.name, option.default)


def _stamp(clip: str) -> int:
    path = Path(clip)
    return path.stat().st_mtime_ns if path.is_file() else 0


def _precision(asked: str, device: torch.device) -> torch.dtype:
    """bfloat16 where the card computes in it; float16 overflows in this model."""
    import torch

    if asked == "auto":
        recent = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if recent else torch.float32
    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[asked]
