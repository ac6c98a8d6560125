"""Reads models and vocoders of the Coqui library from their folders, trusting nothing in them. Imports torch.

A configuration names files, classes and kinds of model. Here it gets only files beside it, classes of the library
and the kinds that speak; weights and tables are read without running what a pickle says.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from server.engines.coqui.espeak import use_packaged_espeak
from server.engines.coqui.shared import ModelFolder
from server.engines.coqui.stats import read_stats
from server.errors import SynthesisFailed, Unavailable

SPEAKING = (
    "vits", "delightful_tts", "glow_tts", "tacotron", "tacotron2", "forward_tts", "fast_pitch", "fast_speech",
    "fastspeech2", "speedy_speech", "align_tts", "overflow", "neuralhmm_tts",
)  # fmt: skip
"""Kinds of model that make speech of text, with speakers or without."""
WHOLE = ("vits", "delightful_tts")
"""Those of them that make the sound themselves; the others make spectrograms."""
VOCODERS = (
    "hifigan", "melgan", "multiband_melgan", "fullband_melgan", "parallel_wavegan", "univnet", "wavegrad", "wavernn",
)  # fmt: skip
_BESIDE = {
    "speakers_file": ("speaker_ids.json", "speakers.json", "speaker_ids.pth", "speakers.pth"),
    "speaker_file": ("speaker_ids.json", "speakers.json"),
    "d_vector_file": ("speakers.json", "speakers.pth"),
    "language_ids_file": ("language_ids.json",),
}
"""Settings that name a file -> what it is called when it lies beside the configuration."""
_NEVER = ("speaker_encoder_model_path", "speaker_encoder_config_path")
"""Needed to clone voices, which these models are not used for here."""


def load_speaking(folder: ModelFolder) -> Any:
    """A model that speaks; a folder of another kind, or a damaged one, is named in the error."""
    with _named(folder):
        from TTS.tts.models import setup_model

        use_packaged_espeak()
        config = _config(folder, SPEAKING)
        return _loaded(folder, config, setup_model)


def load_vocoder(folder: ModelFolder) -> Any:
    """A vocoder, likewise."""
    with _named(folder):
        from TTS.vocoder.models import setup_model

        return _loaded(folder, _config(folder, VOCODERS), setup_model)


def _loaded(folder: ModelFolder, config: Any, setup_model: Callable[[Any], Any]) -> Any:
    stats = _taken(config, folder.path)
    model = setup_model(config)
    model.load_checkpoint(config, str(folder.checkpoint), eval=True)
    if stats is not None:
        # What the library does with them when it reads the file itself.
        model.ap.setup_scaler(*(stats[name] for name in ("mel_mean", "mel_std", "linear_mean", "linear_std")))
        model.ap.max_norm = model.ap.clip_norm = model.ap.symmetric_norm = None
    for judge in ("disc", "model_d"):  # only training needs it, and it is larger than the rest
        if hasattr(model, judge):
            setattr(model, judge, None)
    return model.eval().requires_grad_(False)


def _config(folder: ModelFolder, kinds: tuple[str, ...]) -> Any:
    from TTS.config import load_config, read_json_with_comments

    said = read_json_with_comments(str(folder.config))
    kind = _kind(said)
    for wanted in (kind, str(said.get("base_model") or kind).lower()):
        if wanted not in kinds:
            raise SynthesisFailed(
                f"{folder.name} is a model of the kind {wanted!r}, not one of {', '.join(kinds)}.", code="bad_weights"
            )
    config = load_config(str(folder.config))
    characters = (said.get("characters") or {}).get("characters_class") or "TTS."
    if not str(characters).startswith("TTS."):
        raise SynthesisFailed(
            f"{folder.name} asks for code that is not the library's: {characters}.", code="bad_weights"
        )
    for holder in (config, config.get("model_args")):
        for name, usual in _BESIDE.items() if holder is not None else ():
            if name in holder:
                holder[name] = _beside(folder.path, holder[name], usual)
        for name in _NEVER if holder is not None else ():
            if holder.get(name):
                holder[name] = ""
        if holder is not None and holder.get("use_speaker_encoder_as_loss"):
            holder["use_speaker_encoder_as_loss"] = False  # a matter of training, for which it wants the encoder
    return config


def _kind(said: dict[str, Any]) -> str:
    """As the library reads it: old vocoders are called by their generator."""
    kind = str(said.get("model") or said.get("generator_model") or "nothing").lower()
    return kind.replace("_generator", "").replace("_discriminator", "")


def _beside(folder: Path, named: Any, usual: tuple[str, ...]) -> Any:
    """The file of that name or a usual one in the model's folder: the setting names the trainer's disk, or nothing."""
    first = (named[0] if named else "") if isinstance(named, list) else named or ""
    names = (str(first).replace("\\", "/").rpartition("/")[2], *usual)
    there = next((str(folder / name) for name in names if name and (folder / name).is_file()), "")
    return [there] if isinstance(named, list) and there else there or None


def _taken(config: Any, folder: Path) -> dict[str, Any] | None:
    """The statistics that the configuration names; it then names none, so that the library does not read them."""
    if "stats_path" not in config.audio:
        return None
    named, config.audio["stats_path"] = config.audio["stats_path"], None
    path = _beside(folder, named, ("scale_stats.npy",)) if config.audio.get("signal_norm", True) else None
    if path is None and named and config.audio.get("signal_norm", True):
        raise FileNotFoundError(f"{Path(str(named)).name} is missing")
    return read_stats(Path(path)) if path else None


@contextmanager
def _named(folder: ModelFolder) -> Iterator[None]:
    """Whatever a damaged or hostile folder makes of its reader becomes an error that names it."""
    loud = logging.getLogger("TTS")
    before = loud.level
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the library about its own dependencies
            loud.setLevel(logging.ERROR)
            yield
    except (SynthesisFailed, Unavailable):
        raise
    except ImportError as error:
        raise Unavailable(
            f"{folder.name} needs a further package for its language. {_words(error)} (of {sys.executable})",
            code="language_not_installed",
        ) from error
    except Exception as error:  # whatever a damaged or hostile folder makes of the library's reader
        raise SynthesisFailed(
            f"The model {folder.name} cannot be loaded: {_words(error)[:200]}.", code="bad_weights"
        ) from error
    finally:
        loud.setLevel(before)


def _words(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and line.strip() != "```"]
    return " ".join(lines[:3]) if lines else type(error).__name__
