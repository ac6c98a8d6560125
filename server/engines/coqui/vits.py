"""VITS models of the Coqui library, by its names (``tts_models/en/vctk/vits``), each speaker a voice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from server.audio.chunk import AudioChunk
from server.engines.base import Capabilities, Engine, EngineContext, Option, SynthesisOptions
from server.engines.coqui.shared import CODE_LICENCE, ModelFolder, model_folders, not_installed
from server.errors import NotFound, SynthesisFailed, Unavailable
from server.text.piece import Piece
from server.voices.voice import Voice

if TYPE_CHECKING:
    import torch

    from server.engines.coqui.vits_model import VitsModel

KEPT_MODELS = 3
"""Loaded at once; each takes some 150 MB."""
SEED = Option("seed", "int", 0, "The same seed says the same sentence in the same way", 0, 2**31 - 1)


class CoquiVits(Engine):
    """Every VITS model in the models folder; which one speaks is the voice's matter."""

    capabilities = Capabilities(
        name="coqui-vits",
        title="Coqui VITS",
        description="Models of the Coqui library and your own: put a model's folder into the models folder.",
        languages=("en", "de", "fr", "es", "it", "pt", "pl", "nl", "tr", "ru", "uk", "ja", "zh", "hu", "cs", "fi"),
        sample_rate=22_050,
        code_licence=CODE_LICENCE,
        weights_licence="depends on the model",
        requirements=("torch", "coqui"),
        modules=("torch", "torchaudio", "TTS"),
        download_mb=400,
        devices=("cuda", "mps", "cpu"),
        speed_range=(0.7, 1.4),
        options=(SEED,),
    )

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._folders: dict[str, ModelFolder] = {}
        self._loaded: OrderedDict[str, VitsModel] = OrderedDict()
        self._voices: list[Voice] = []
        self._device: torch.device | None = None

    def load(self) -> None:
        """Look at every model once, for its speakers; one that cannot be used is told of and left out."""
        try:
            import torch

            from server.engines import torch_runtime
            from server.engines.coqui.torchaudio_import import import_torchaudio

            import_torchaudio()
            import TTS.tts.models.vits  # noqa: F401 - only to see that it is there
        except (ImportError, OSError) as error:
            raise not_installed(error) from error
        if self.context.threads:
            torch.set_num_threads(self.context.threads)
        self._device = torch_runtime.open_device(self.context.device)
        self._folders = {folder.name: folder for folder in model_folders(self.context.models)}
        problems = []
        for name in self._folders:
            try:
                self._voices += self._voices_of(name)
            except (SynthesisFailed, Unavailable) as error:
                self.context.report(error.message, None)
                problems.append(error.message)
        if not self._voices:
            raise Unavailable(
                f"No VITS model can be used. Put a model's folder, with its config.json and its .pth, into"
                f" {self.context.models}; name it tts_models--en--vctk--vits for tts_models/en/vctk/vits."
                + "".join(f" {problem}" for problem in problems),
                code="weights_missing",
            )

    def voices(self) -> Sequence[Voice]:
        """``model/speaker``, or the model alone where it has one speaker."""
        return self._voices

    def synthesize(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> Iterator[AudioChunk]:
        """One chunk: the model makes a sentence in one go."""
        from server.engines import torch_runtime

        known = next((own for own in self._voices if own.id == voice.id), None)
        if known is None:
            raise NotFound(f"Coqui VITS has no voice {voice.id!r}.", param="voice")
        name = _model_of(known)
        with torch_runtime.model_errors(self.capabilities.title):
            model = self._model(name)
            languages = model.languages()
            wanted = options.language.split("-")[0]
            language = next((own for own in languages if own.split("-")[0] == wanted), None)
            if languages and language is None:
                language = languages[0]
            options.cancel.check()
            seed = int(options.values.get(SEED.name, SEED.default))
            samples = model.speak(piece.text, known.speaker, language, options.speed, seed)
        options.cancel.check()
        yield AudioChunk(samples, model.rate)

    def memory(self) -> Mapping[str, int]:
        """What torch holds of the card."""
        from server.engines import torch_runtime

        return torch_runtime.memory_in_use(self._device) if self._device is not None else {}

    def _voices_of(self, name: str) -> list[Voice]:
        model = self._model(name)
        parts = name.split("/")
        speakers: list[str | None] = [*model.speakers()] or [None]
        languages = tuple(model.languages()) or ((parts[1],) if len(parts) == 4 else ("en",))
        return [
            Voice(
                id=f"{name}/{speaker}" if speaker else name,
                engine=self.capabilities.name,
                name=f"{speaker} ({name})" if speaker else name,
                languages=languages,
                speaker=speaker,
            )
            for speaker in speakers
        ]

    def _model(self, name: str) -> VitsModel:
        from server.engines.coqui.vits_model import VitsModel

        if self._device is None:
            raise Unavailable("Coqui VITS is not loaded.")
        if name not in self._loaded:
            self.context.report(f"Loading {name}", None)
            self._loaded[name] = VitsModel(self._folders[name], self._device)
        self._loaded.move_to_end(name)
        while len(self._loaded) > KEPT_MODELS:
            self._loaded.popitem(last=False)
        return self._loaded[name]


def _model_of(voice: Voice) -> str:
    return voice.id.removesuffix(f"/{voice.speaker}") if voice.speaker else voice.id
