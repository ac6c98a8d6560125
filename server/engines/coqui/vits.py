"""Models of the Coqui library by its names (``tts_models/en/vctk/vits``), each speaker a voice; not only VITS."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from server.audio.chunk import AudioChunk, Samples
from server.audio.resample import resample
from server.engines.base import Capabilities, Engine, EngineContext, SynthesisOptions
from server.engines.coqui.library import ENGINE, language_tag, read_list
from server.engines.coqui.receipts import check_folder, read_receipt
from server.engines.coqui.shared import CODE_LICENCE, ModelFolder, model_folders, not_installed
from server.engines.torch_options import CPU_FALLBACK, MEMORY, SEED
from server.errors import InvalidRequest, NotFound, SynthesisFailed, Unavailable
from server.text.piece import Piece
from server.voices.voice import Voice

if TYPE_CHECKING:
    import torch

    from server.engines.coqui.speech_model import SpeechModel

Result = TypeVar("Result")

KEPT_MODELS = 3
"""Loaded at once; each takes some 150 MB."""
RATE = 22_050
"""Most models' own; the others' sound is brought to it."""
LANGUAGES = (
    "en", "de", "fr", "es", "it", "pt", "pl", "nl", "tr", "ru", "uk", "ja", "zh", "hu", "cs", "fi", "ar", "be", "bg",
    "bn", "ca", "da", "ee", "el", "et", "fa", "ga", "ha", "hi", "hr", "ko", "ln", "lt", "lv", "mt", "ro", "sk", "sl",
    "sr", "sv", "tw", "yo",
)  # fmt: skip
"""All of the library's list, and some more that people train models for."""


class CoquiVits(Engine):
    """Every model in the models folder; which one speaks is the voice's matter."""

    capabilities = Capabilities(
        name=ENGINE,
        title="Coqui models",
        description="Models of the Coqui library by name (VITS, Tacotron 2, Glow-TTS, FastPitch and others), and your"
        " own: put a model's folder into the models folder.",
        languages=LANGUAGES,
        sample_rate=RATE,
        code_licence=CODE_LICENCE,
        weights_licence="depends on the model",
        requirements=("torch", "coqui"),
        modules=("torch", "torchaudio", "TTS", "espeakng_loader"),
        download_mb=400,
        devices=("cuda", "mps", "cpu"),
        speed_range=(0.7, 1.4),
        options=(SEED, MEMORY, CPU_FALLBACK),
    )

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._folders: dict[str, ModelFolder] = {}
        self._loaded: OrderedDict[str, SpeechModel] = OrderedDict()
        self._on_cpu: OrderedDict[str, SpeechModel] = OrderedDict()
        """What did not fit on the device."""
        self._voices: list[Voice] = []
        self._device: torch.device | None = None

    def load(self) -> None:
        """Look at every model once, for its speakers; one that cannot be used is told of and left out."""
        try:
            import torch

            from server.engines import torch_runtime
            from server.engines.coqui.torchaudio_import import import_torchaudio

            import_torchaudio()
            import espeakng_loader  # noqa: F401 - only to see that it is there
            import TTS.tts.models.vits  # noqa: F401
        except (ImportError, OSError) as error:
            raise not_installed(error) from error
        if self.context.threads:
            torch.set_num_threads(self.context.threads)
        ceiling = float(self.context.options.get(MEMORY.name, MEMORY.default))
        self._device = torch_runtime.open_device(self.context.device, ceiling)
        self._folders = {folder.name: folder for folder in model_folders(self.context.models)}
        problems = []
        for name in self._folders:
            if not name.startswith("vocoder_models/"):
                try:
                    self._voices += self._voices_of(name)
                except (SynthesisFailed, Unavailable) as error:
                    self.context.report(error.message, None)
                    problems.append(error.message)
        if not self._voices:
            raise Unavailable(
                "No model can be used. Fetch one by its name in the library's list, for example"
                " `python3 -m server install tts_models/en/vctk/vits`, or put a model's folder, with its config.json"
                f" and its .pth, into {self.context.models}." + "".join(f" {problem}" for problem in problems),
                code="weights_missing",
            )

    def voices(self) -> Sequence[Voice]:
        """``model/speaker``, or the model alone where it has one speaker."""
        return self._voices

    def synthesize(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> Iterator[AudioChunk]:
        """One chunk: the model makes a sentence in one go."""
        known = next((own for own in self._voices if own.id == voice.id), None)
        if known is None:
            raise NotFound(f"{self.capabilities.title} has no voice {voice.id!r}.", param="voice")
        samples = self._spoken(piece.text, known, options)
        options.cancel.check()
        yield AudioChunk(samples, RATE)

    def memory(self) -> Mapping[str, int]:
        """What torch holds of the card."""
        from server.engines import torch_runtime

        return torch_runtime.memory_in_use(self._device) if self._device is not None else {}

    def _spoken(self, text: str, voice: Voice, options: SynthesisOptions) -> Samples:
        def spoken_on(device: torch.device) -> Samples:
            model = self._model(_model_of(voice), device)
            language = _language(model, voice, options.language)
            options.cancel.check()
            seed = int(options.values.get(SEED.name, SEED.default))
            samples = model.speak(text, voice.speaker, language, options.speed, seed, options.cancel)
            return resample(samples, model.rate, RATE)

        return self._where_there_is_room(spoken_on)

    def _where_there_is_room(self, work: Callable[[torch.device], Result]) -> Result:
        """``work`` on the device; if that is full, with no other model on it; then on the CPU, where it is allowed."""
        import torch

        from server.engines import torch_runtime

        device = self._opened()
        places = [device, device]
        if self.context.options.get(CPU_FALLBACK.name, CPU_FALLBACK.default) and device.type != "cpu":
            places.append(torch.device("cpu"))
        while True:
            place = places.pop(0)
            try:
                with torch_runtime.model_errors(self.capabilities.title):
                    return work(place)
            except SynthesisFailed as error:
                if error.code != "out_of_memory" or not places:
                    raise
            self._loaded.clear()
            torch_runtime.free_memory(device)

    def _opened(self) -> torch.device:
        if self._device is None:
            raise Unavailable(f"{self.capabilities.title} is not loaded.")
        return self._device

    def _voices_of(self, name: str) -> list[Voice]:
        folder = self._folders[name]
        check_folder(self.context.models, folder.path.name)
        model = self._where_there_is_room(lambda device: self._model(name, device))
        receipt = read_receipt(self.context.models, folder.path.name)
        label = f"{name}, without vocoder" if model.rough else name
        speakers: list[str | None] = [*model.speakers()] or [None]
        return [
            Voice(
                id=f"{name}/{speaker}" if speaker else name,
                engine=self.capabilities.name,
                name=f"{speaker} ({label})" if speaker else label,
                languages=_tags(name, model.languages()),
                licence=receipt.licence if receipt else "unknown",
                speaker=speaker,
            )
            for speaker in speakers
        ]

    def _model(self, name: str, device: torch.device) -> SpeechModel:
        from server.engines import torch_runtime
        from server.engines.coqui.speech_model import SpeechModel

        loaded = self._loaded if device == self._device else self._on_cpu
        if name not in loaded:
            while len(loaded) >= KEPT_MODELS:
                loaded.popitem(last=False)
                torch_runtime.free_memory(device)
            self.context.report(f"Loading {name}", None)
            folder = self._folders[name]
            loaded[name] = SpeechModel(folder, self._vocoder_of(folder), device)
        loaded.move_to_end(name)
        return loaded[name]

    def _vocoder_of(self, folder: ModelFolder) -> ModelFolder | None:
        """The one in the model's own folder, else the one that the library's list names for the model."""
        own = next((inner for inner in model_folders(folder.path) if inner.path.name == "vocoder"), None)
        listed = read_list().get(folder.name)
        if own is not None or listed is None or not listed.vocoder:
            return own
        if listed.vocoder not in self._folders:
            raise Unavailable(
                f"{folder.name} needs the vocoder {listed.vocoder}: run `python3 -m server install {folder.name}`.",
                code="weights_missing",
            )
        vocoder = self._folders[listed.vocoder]
        check_folder(self.context.models, vocoder.path.name)
        return vocoder


def _model_of(voice: Voice) -> str:
    return voice.id.removesuffix(f"/{voice.speaker}") if voice.speaker else voice.id


def _tags(name: str, languages: list[str]) -> tuple[str, ...]:
    """The model's languages if it has several, else the one in the library's name for it; empty if nobody knows."""
    parts = name.split("/")
    named = [parts[1]] if len(parts) == 4 else languages
    tags = [language_tag(language.replace("_", "-")) for language in (languages if len(languages) > 1 else named)]
    return tuple(tag for tag in tags if tag.partition("-")[0] in LANGUAGES)


def _language(model: SpeechModel, voice: Voice, wanted: str) -> str | None:
    """What the model calls ``wanted``; None where it has one language and need not be told."""
    languages = model.languages()
    base = wanted.partition("-")[0]
    if len(languages) == 1:
        # What a model of the user's says of its language is often only the library's guess.
        if "/" not in _model_of(voice) or base in {tag.partition("-")[0] for tag in voice.languages}:
            return None
    else:
        alike = [own for own in languages if language_tag(own).partition("-")[0] == base]
        if alike:
            return wanted if wanted in alike else alike[0]
    raise InvalidRequest(
        f"{_model_of(voice)} speaks {', '.join(voice.languages)}, not {wanted}.",
        code="unsupported_language", param="language",
    )  # fmt: skip
