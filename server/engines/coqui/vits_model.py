"""A loaded VITS model of the Coqui library. Imports torch: only for ``load``."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import torch

from server.audio.chunk import Samples
from server.engines.coqui.shared import ModelFolder
from server.errors import SynthesisFailed, Unavailable

_SPEAKER_FILES = ("speaker_ids.json", "speakers.json", "speaker_ids.pth", "speakers.pth")
_LANGUAGE_FILES = ("language_ids.json",)


class VitsModel:
    """Speaks a sentence at a time, in the model's own rate."""

    def __init__(self, folder: ModelFolder, device: torch.device) -> None:
        self._model = _load(folder).to(device)
        self.rate = int(self._model.config.audio.sample_rate)

    def speakers(self) -> list[str]:
        """Names of its speakers; empty if there is only one."""
        manager = self._model.speaker_manager
        return [str(name) for name in manager.speaker_names] if manager is not None else []

    def languages(self) -> list[str]:
        """Names of its languages; empty if it knows one."""
        manager = self._model.language_manager
        return [str(name) for name in manager.language_names] if manager is not None else []

    @torch.inference_mode()
    def speak(self, text: str, speaker: str | None, language: str | None, speed: float, seed: int) -> Samples:
        """One sentence; the same seed says it in the same way."""
        torch.manual_seed(seed)
        self._model.length_scale = 1 / speed
        said = self._model.synthesize(text, speaker=speaker, language=language)
        samples = np.asarray(said["wav"], dtype=np.float32).reshape(-1)
        if not len(samples):
            raise SynthesisFailed("The model made no sound of this text.")
        loudest = float(np.abs(samples).max())
        return samples / loudest * 0.95 if loudest > 1 else samples


def _load(folder: ModelFolder) -> Any:
    """The library's model; a folder that is not VITS, or is damaged, is named in the error."""
    from TTS.tts.configs.vits_config import VitsConfig
    from TTS.tts.models.vits import Vits

    try:
        kind = json.loads(folder.config.read_text(encoding="utf-8")).get("model")
        if kind != "vits":
            raise SynthesisFailed(f"{folder.name} is a model of the kind {kind!r}, not VITS.", code="bad_weights")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the library about its own dependencies
            config = VitsConfig()
            config.load_json(str(folder.config))
            _own_files(config, folder)
            model = Vits.init_from_config(config)
            model.load_checkpoint(config, str(folder.checkpoint), eval=True)
    except SynthesisFailed:
        raise
    except Exception as error:  # whatever a damaged or hostile folder makes of the reader
        if "espeak" in str(error).lower():
            raise Unavailable(
                f"{folder.name} speaks phonemes and needs the program espeak-ng: install it with the system's"
                " package manager.",
                code="espeak_missing",
            ) from error
        words = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise SynthesisFailed(
            f"The model {folder.name} cannot be loaded: {words[:200]}.", code="bad_weights"
        ) from error
    return model.requires_grad_(False)


def _own_files(config: Any, folder: ModelFolder) -> None:
    """Point the config at the files beside it: it still names the trainer's own disk."""
    for names, keys in ((_SPEAKER_FILES, ("speakers_file",)), (_LANGUAGE_FILES, ("language_ids_file",))):
        there = next((folder.path / name for name in names if (folder.path / name).is_file()), None)
        for holder in (config, config.model_args):
            for key in keys:
                if there is not None and getattr(holder, key, None):
                    setattr(holder, key, str(there))
    config.model_args.speaker_encoder_config_path = config.model_args.speaker_encoder_model_path = ""
