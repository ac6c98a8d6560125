"""A loaded model of the Coqui library, with its vocoder where it has one. Imports torch: only for ``load``.

The steps are those of the library's own ``Synthesizer``, without its sentence splitting and appended silence.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.modules.module import register_module_forward_pre_hook

from server.audio.chunk import Samples
from server.audio.stretch import Stretcher
from server.engines.base import Cancel
from server.engines.coqui.checkpoint import WHOLE, load_speaking, load_vocoder
from server.engines.coqui.shared import ModelFolder
from server.errors import SynthesisFailed

SLOWEST = 5
"""Characters a second of the slowest speech: what takes twice as long as that is babble."""


class SpeechModel:
    """Speaks a sentence at a time, in its own rate."""

    def __init__(self, folder: ModelFolder, vocoder: ModelFolder | None, device: torch.device) -> None:
        self._model = load_speaking(folder).to(device)
        whole = str(self._model.config.model).lower() in WHOLE
        self._vocoder = load_vocoder(vocoder).to(device) if vocoder is not None and not whole else None
        self._device = device
        audio = (self._vocoder or self._model).config.audio
        self.rate = int(audio.get("output_sample_rate") or audio["sample_rate"])
        decoder = getattr(self._model, "decoder", None)
        self._most_steps = int(getattr(decoder, "max_decoder_steps", 0))
        self.rough = self._vocoder is None and not whole
        """Whether it needs a vocoder and has none: the library then computes the sound, audibly (Griffin-Lim)."""

    def speakers(self) -> list[str]:
        """Names of its speakers; empty if there is only one."""
        manager = self._model.speaker_manager
        return [str(name) for name in manager.speaker_names] if manager is not None else []

    def languages(self) -> list[str]:
        """The library's names of its languages; one that says nothing of them counts as English."""
        return [str(name) for name in self._model.language_manager.language_names]

    @torch.inference_mode()
    def speak(
        self, text: str, speaker: str | None, language: str | None, speed: float, seed: int, cancel: Cancel
    ) -> Samples:
        """One sentence; the same seed says it in the same way. A cancel stops it between two layers."""
        torch.manual_seed(seed)
        np.random.seed(seed)  # Griffin-Lim begins with its noise
        paced = hasattr(self._model, "length_scale")
        if paced:
            self._model.length_scale = 1 / speed
        if self._most_steps:
            self._model.decoder.max_decoder_steps = self._steps_for(text)
        with _stopped_by(cancel):
            said = self._model.synthesize(text, speaker=speaker, language=language, use_griffin_lim=self.rough)
            sound = said["wav"] if self._vocoder is None else self._vocoded(said["outputs"]["model_outputs"][0])
        samples = np.asarray(sound, dtype=np.float32).reshape(-1)
        if not len(samples) or not np.isfinite(samples).all():
            raise SynthesisFailed("The model made no sound of this text.")
        samples = samples if paced or speed == 1 else _stretched(samples, self.rate, speed)
        loudest = float(np.abs(samples).max())
        return samples / loudest * 0.95 if loudest > 1 else samples

    def _steps_for(self, text: str) -> int:
        """Tacotron ends where it thinks that all is said, and now and then it does not come to think so."""
        ap, seconds = self._model.ap, 2 + 2 * len(text) / SLOWEST
        return min(self._most_steps, math.ceil(seconds * ap.sample_rate / ap.hop_length / self._model.decoder.r))

    def _vocoded(self, mel: Tensor) -> Any:
        """The spectrogram in the vocoder's scale and rate, and through it."""
        assert self._vocoder is not None
        ours, theirs = self._model.ap, self._vocoder.ap
        scaled = torch.from_numpy(theirs.normalize(ours.denormalize(mel.float().cpu().numpy().T)))[None]
        if ours.sample_rate != theirs.sample_rate:
            factor = theirs.sample_rate / ours.sample_rate
            scaled = torch.nn.functional.interpolate(
                scaled[None], scale_factor=(1, factor), recompute_scale_factor=True, mode="bilinear",
                align_corners=False,
            )[0]  # fmt: skip
        return self._vocoder.inference(scaled.float().to(self._device)).float().cpu().numpy()


@contextmanager
def _stopped_by(cancel: Cancel) -> Iterator[None]:
    """While it lasts, every layer looks at ``cancel`` first: some of these models make a sentence step by step."""
    handle = register_module_forward_pre_hook(lambda module, inputs: cancel.check())
    try:
        yield
    finally:
        handle.remove()


def _stretched(samples: Samples, rate: int, speed: float) -> Samples:
    """For models that know only one pace."""
    stretcher = Stretcher(rate, speed)
    return np.concatenate([stretcher.push(samples), stretcher.flush()])
