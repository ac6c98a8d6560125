"""Piper: small voices, thirteen times faster than they are heard on two cores."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from server.audio.chunk import AudioChunk, Samples
from server.audio.resample import resample
from server.engines.base import Cancel, Capabilities, Engine, EngineContext, Option, SynthesisOptions
from server.engines.piper_voices import OFFERS, PACKAGED, VoiceFile, fetch, found
from server.errors import InvalidRequest, NotFound, SynthesisFailed, Unavailable
from server.text.piece import Piece
from server.voices.voice import Voice

if TYPE_CHECKING:
    from piper import PiperVoice

INSTALL = "python3 -m server install piper"
RATE = 22_050
"""Hz; voices of another rate (16,000 for those called low) are brought to it."""
_LOADED = 3
"""Voices held in memory at once, about 100 MB each."""
_ROUNDING = 0.276
_LANGUAGES = (
    "en-us", "en-gb", "ar", "ca", "cs", "cy", "da", "de", "el", "es", "fa", "fi", "fr", "hu", "is", "it",
    "ka", "kk", "lb", "lv", "ml", "ne", "nl", "no", "pl", "pt", "pt-br", "ro", "ru", "sk", "sl", "sr", "sv", "sw",
    "tr", "uk", "vi",
)  # fmt: skip
"""Those that official voices speak through espeak-ng."""
_NO_VOICE = "none"


class Piper(Engine):
    """The packaged voice Joe, fetched ones, and each ``NAME.onnx`` with its settings in the models folder."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        name="piper",
        title="Piper",
        description="Small and very fast voices for weak computers; plainer than Kokoro.",
        languages=_LANGUAGES,
        sample_rate=RATE,
        code_licence="GPL-3.0-or-later",
        weights_licence="CC0-1.0 (Joe); each voice has its own",
        requirements=("piper",),
        modules=("piper",),
        download_mb=95,
        weights=tuple(OFFERS[PACKAGED].files(PACKAGED)),
        speed_range=(0.8, 1.25),
        phonemes=True,
        options=(
            Option(
                "fetch_voice",
                "choice",
                _NO_VOICE,
                "Fetch a further voice (63 MB)",
                choices=(_NO_VOICE, *(name for name in OFFERS if name != PACKAGED)),
                reload=True,
            ),
        ),
    )

    def __init__(self, context: EngineContext) -> None:
        super().__init__(context)
        self._files: Mapping[str, VoiceFile] = {}
        self._loaded: OrderedDict[str, PiperVoice] = OrderedDict()

    def load(self) -> None:
        """Fetch what was asked for, find the voices, warm the first one up."""
        wanted = str(self.context.options.get("fetch_voice", _NO_VOICE))
        if wanted != _NO_VOICE:
            fetch(wanted, self.context.models, self.context.report)
        self._files = {file.name: file for file in found(self.context.models)}
        if not self._files:
            raise Unavailable(f"Piper has no voice: run `{INSTALL}`.", code="weights_missing")
        self.context.report("Loading Piper", None)
        voice = self.voices()[0]
        for _ in self.synthesize(Piece("Hello.", 0, 6), voice, SynthesisOptions(language=voice.languages[0])):
            pass

    def voices(self) -> Sequence[Voice]:
        """Every speaker of every voice on this machine."""
        return [voice for file in self._files.values() for voice in file.voices()]

    def synthesize(self, piece: Piece, voice: Voice, options: SynthesisOptions) -> Iterator[AudioChunk]:
        """One chunk for each sentence that Piper finds."""
        name = voice.id.removesuffix(f".{voice.speaker}") if voice.speaker else voice.id
        file = self._files.get(name)
        if file is None:
            raise NotFound(f"Piper has no voice {voice.id!r}.", param="voice")
        if options.language.split("-")[0] != file.language.split("-")[0]:
            raise InvalidRequest(
                f"The Piper voice {voice.name} speaks {file.language}, not {options.language}.",
                code="unsupported_language",
                param="language",
            )
        model = self._model(file)
        for phonemes in model.phonemize(_with_phonemes(piece)):
            options.cancel.check()
            if phonemes:
                samples = self._speak(model, phonemes, voice.speaker, options)
                yield AudioChunk(resample(samples, model.config.sample_rate, RATE), RATE)

    def _model(self, file: VoiceFile) -> PiperVoice:
        if file.name not in self._loaded:
            self._loaded[file.name] = _load(file.model, file.settings, self.context.threads)
            while len(self._loaded) > _LOADED:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(file.name)
        return self._loaded[file.name]

    def _speak(
        self, model: PiperVoice, phonemes: list[str], speaker: str | None, options: SynthesisOptions
    ) -> Samples:
        """As Piper's own method, but it can be stopped in the middle."""
        numbers = model.phonemes_to_ids(phonemes)
        config = model.config
        inputs: dict[str, Any] = {
            "input": np.array([numbers], np.int64),
            "input_lengths": np.array([len(numbers)], np.int64),
            "scales": np.array(
                [config.noise_scale, config.length_scale * _stretch(options.speed), config.noise_w_scale],
                np.float32,
            ),
        }
        if config.num_speakers > 1:
            number = config.speaker_id_map[speaker] if speaker else config.default_speaker_id
            inputs["sid"] = np.array([number], np.int64)
        samples = _run(model, inputs, options.cancel)
        sound: Samples = np.clip(samples, -1, 1).astype(np.float32)
        return sound


def _stretch(speed: float) -> float:
    """Length scale for a speed.

    The model rounds every phoneme up to whole frames, half a frame on average where a phoneme has 1.8: what
    does not scale has to be made up by the rest. The lengths of single takes still vary by 5 %.
    """
    return (1 + _ROUNDING) / speed - _ROUNDING


def _with_phonemes(piece: Piece) -> str:
    """The text with fixed pronunciations in Piper's notation, ``[[ipa]]``."""
    text = piece.text
    for span in sorted(piece.phonemes, key=lambda span: -span.start):
        text = f"{text[: span.start]}[[{span.ipa}]]{text[span.end :]}"
    return text


def _load(path: Path, settings: dict[str, Any], threads: int) -> PiperVoice:
    try:
        import onnxruntime
        from piper import PiperConfig, PiperVoice
    except ImportError as error:
        raise Unavailable(f"Piper is not installed: run `{INSTALL}`.", code="engine_not_installed") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(str(path), options, ["CPUExecutionProvider"])
        return PiperVoice(session=session, config=PiperConfig.from_dict(settings), download_dir=path.parent)
    except Exception as error:
        raise Unavailable(f"{path} is not a Piper voice: {error}") from error


def _run(model: PiperVoice, inputs: dict[str, Any], cancel: Cancel) -> Any:
    import onnxruntime

    run_options = onnxruntime.RunOptions()
    with cancel.calling(lambda: setattr(run_options, "terminate", True)):
        try:
            sound = model.session.run(None, inputs, run_options)[0].squeeze()
        except Exception as error:
            cancel.check()
            raise SynthesisFailed(f"Piper failed: {error}") from error
    cancel.check()
    return sound
