"""What the Coqui engines share: their folders, a clip's samples, how to install them. No torch at the top."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from server.audio.chunk import Samples
from server.errors import InvalidRequest, Unavailable

INSTALL = "python3 -m server install coqui"
CODE_LICENCE = "MPL-2.0"


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A model as it lies on disk."""

    name: str
    """``tts_models/en/vctk/vits`` for the library's own, the folder's name for one of the user's."""
    path: Path
    checkpoint: Path
    config: Path


def model_folders(models: Path) -> Iterator[ModelFolder]:
    """Every folder with a ``config.json`` and a ``.pth`` or ``.pth.tar``; the library's cache names are turned back."""
    for path in sorted(models.iterdir()) if models.is_dir() else []:
        config = path / "config.json"
        checkpoints = sorted([*path.glob("*.pth"), *path.glob("*.pth.tar")], key=_rank)
        if config.is_file() and checkpoints:
            yield ModelFolder(path.name.replace("--", "/"), path, checkpoints[0], config)


def _rank(path: Path) -> tuple[int, str]:
    """The usual names first; what lies beside a model, such as its speakers, last."""
    order = ("model.pth", "model_file.pth", "model_file.pth.tar", "best_model.pth", "checkpoint.pth")
    if path.name in order:
        return order.index(path.name), path.name
    beside = ("speaker", "language", "dvae", "mel_stats", "model_se.")
    return (9 if any(part in path.name for part in beside) else 5), path.name


def read_clip(path: str) -> tuple[Samples, int]:
    """Mono samples of a reference clip and their rate; clips are kept as 16-bit WAV files."""
    try:
        with wave.open(path, "rb") as file:
            if file.getsampwidth() != 2:
                raise InvalidRequest(f"{Path(path).name} is not a 16-bit WAV file.", code="bad_clip")
            data = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768
            channels, rate = file.getnchannels(), file.getframerate()
        return data.reshape(-1, channels).mean(axis=1).astype(np.float32), rate
    except (OSError, EOFError, ValueError, wave.Error) as error:  # ValueError: cut off in the middle of a sample
        raise InvalidRequest(f"{Path(path).name} cannot be read: {error}.", code="bad_clip") from error


def not_installed(error: Exception) -> Unavailable:
    """What to say where the library is missing."""
    return Unavailable(f"Coqui TTS is not installed ({error}): run `{INSTALL}`.", code="engine_not_installed")
