"""The model side of RVC: what listens, what finds the pitch and what speaks, on one device.

Lives in a worker process. It keeps no state between calls: a window of a stream carries its own place in it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from server.audio.chunk import Samples
from server.conversion.rvc.files import RvcFiles, RvcFolder
from server.conversion.rvc.settings import ConversionSettings
from server.conversion.rvc.shape import HEARING_RATE
from server.conversion.rvc.turn import turn_voice
from server.engines.weights import Report, WeightFile, obtain
from server.errors import InvalidRequest, Unavailable

if TYPE_CHECKING:
    from torch import Tensor
    from torch import device as Device  # noqa: N812 - a class, whatever torch calls it

    from server.conversion.rvc.hubert import Hubert
    from server.conversion.rvc.rmvpe import Rmvpe
    from server.conversion.rvc.synthesizer import Synthesizer

INSTALL = "python3 -m server install rvc"
CONTENTVEC = WeightFile(
    name="contentvec.bin",
    size=378_342_945,
    sha256="d8dd400e054ddf4e6be75dab5a2549db748cc99e756a097c496c099f65a4854e",
    url="https://huggingface.co/lengyue233/content-vec-best/resolve/main/pytorch_model.bin",
    redirects=("huggingface.co", "hf.co"),
)
RMVPE = WeightFile(
    name="rmvpe.pt",
    size=181_184_272,
    sha256="6d62215f4306e3ca278246188607209f09af3dc77ed4232efdd069798c4ec193",
    url="https://huggingface.co/lj1995/VoiceConversionWebUI/resolve/main/rmvpe.pt",
    redirects=("huggingface.co", "hf.co"),
)
KEPT_VOICES = 4
NEIGHBOURS = 8
STEP = HEARING_RATE // 50
"""A window's length is a multiple of 20 ms: the features' step, which is two frames."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a stream with its place in it."""

    samples: Samples
    rate: int
    first_frame: int = 0
    """Number of its first frame of 10 ms; even."""
    phase: float = 0.0
    """Turns of the sine at its beginning, as a window before it reported."""


@dataclass(frozen=True, slots=True)
class Converted:
    """The same stretch in the other voice, as long."""

    samples: Samples
    rate: int
    phases: npt.NDArray[np.float32]
    """Turns of the sine at the end of each frame of 10 ms."""


@dataclass(frozen=True, slots=True)
class _LoadedVoice:
    synthesizer: Synthesizer
    index: Tensor | None
    stamp: str


class RvcModel:
    """Converts windows; loads what it needs when first asked, and keeps a few voices."""

    def __init__(
        self,
        device: str,
        models: Path,
        voices: Path,
        report: Report = lambda detail, fraction: None,
        *,
        memory_gb: float = 0.0,
    ) -> None:
        self.device, self.models, self.report = device, models, report
        self._folder = RvcFolder(voices)
        self._memory_gb = memory_gb
        self._opened: Device | None = None
        self._hubert: Hubert | None = None
        self._rmvpe: Rmvpe | None = None
        self._loaded: OrderedDict[str, _LoadedVoice] = OrderedDict()

    def convert(self, samples: Samples, rate: int, settings: ConversionSettings) -> tuple[Samples, int]:
        """A whole recording at once, and its new rate; streams go through ``RvcStream``."""
        done = self.convert_window(Window(samples, rate), settings)
        return done.samples[: round(len(samples) * done.rate / rate)], done.rate

    def convert_window(self, window: Window, settings: ConversionSettings) -> Converted:
        """One stretch; it is padded with silence to a multiple of 20 ms."""
        _import_torch()
        from server.engines.torch_runtime import model_errors, open_device

        _check(settings)
        with model_errors(f"The RVC voice {settings.voice!r}"):
            if self._opened is None:
                self._opened = open_device(self.device, self._memory_gb)
            return self._converted(window, settings)

    def memory(self) -> Mapping[str, int]:
        """Bytes in use on the card."""
        if self._opened is None:
            return {}
        from server.engines.torch_runtime import memory_in_use

        return memory_in_use(self._opened)

    def free(self) -> None:
        """Give back what the card holds without need."""
        if self._opened is not None:
            from server.engines.torch_runtime import free_memory

            free_memory(self._opened)

    def _converted(self, window: Window, settings: ConversionSettings) -> Converted:
        import torch

        voice = self._voice(settings.voice, is_begin=window.first_frame == 0)
        shape = voice.synthesizer.shape
        with torch.inference_mode():
            sound = self._heard(window)
            features = self._features(sound, shape.features)
            classes = pitch = None
            if shape.has_pitch:
                pitch = self._pitch(sound, settings)[None, : features.shape[1]]
                classes = _classes_of(pitch)
            if voice.index is not None and settings.index_rate > 0:
                features = _retrieved(features, voice.index, settings, pitch)
            samples, phases = voice.synthesizer(features, classes, pitch, window.first_frame, window.phase)
        return Converted(np.clip(samples.cpu().numpy(), -1, 1).astype(np.float32), shape.rate, phases.cpu().numpy())

    def _voice(self, name: str, *, is_begin: bool) -> _LoadedVoice:
        """The voice, loaded; whether its files have changed is looked at where a stream begins."""
        loaded = self._loaded.get(name)
        if loaded is None or is_begin:
            files = self._folder.find(name)
            if loaded is None or loaded.stamp != files.stamp:
                loaded = self._loaded[name] = self._load(files)
        self._loaded.move_to_end(name)
        while len(self._loaded) > KEPT_VOICES:
            self._loaded.popitem(last=False)
        return loaded

    def _load(self, files: RvcFiles) -> _LoadedVoice:
        from safetensors.torch import load_file

        from server.conversion.rvc.synthesizer import Synthesizer

        self.report(f"Loading the RVC voice {files.name}", None)
        stamp = files.stamp
        shape, path = turn_voice(files)
        weights = load_file(path)
        index = weights.pop("index", None)
        synthesizer = Synthesizer(shape)
        synthesizer.load_state_dict(weights)
        synthesizer = synthesizer.eval().requires_grad_(False).to(self.device)
        if index is not None:  # copied: what load_file gives is the file, mapped, and Windows would not replace it
            index = index.to(self.device, copy=True)
        return _LoadedVoice(synthesizer, index, stamp)

    def _heard(self, window: Window) -> Tensor:
        """The window at 16 kHz on the device, its length a multiple of 20 ms."""
        import torch

        step = window.rate / 50
        steps = max(1, -(-len(window.samples) // round(step)))
        padded = np.zeros(round(steps * step), np.float32)
        padded[: len(window.samples)] = window.samples[: len(padded)]
        return resampled(torch.from_numpy(padded).to(self.device), steps * STEP)

    def _features(self, sound: Tensor, size: int) -> Tensor:
        """What is said, 100 times a second: each of HuBERT's features twice."""
        from torch.nn import functional

        if self._hubert is None:
            self._hubert = self._load_hubert()
        features = self._hubert(functional.pad(sound, (0, 80))[None], projected=size == 256)
        return features.repeat_interleave(2, dim=1)

    def _pitch(self, sound: Tensor, settings: ConversionSettings) -> Tensor:
        from server.conversion.rvc.pitch import yin

        if settings.pitch_method == "yin":
            pitch = yin(sound)
        else:
            if self._rmvpe is None:
                self._rmvpe = self._load_rmvpe()
            pitch = self._rmvpe(sound)
        return pitch * 2 ** (settings.pitch / 12)

    def _load_hubert(self) -> Hubert:
        from server.conversion.rvc.hubert import Hubert

        model = Hubert()
        model.load_state_dict(read_hubert(obtain(CONTENTVEC, self.models, self.report, INSTALL)))
        return model.eval().requires_grad_(False).to(self.device)

    def _load_rmvpe(self) -> Rmvpe:
        import torch

        from server.conversion.rvc.rmvpe import Rmvpe

        path = obtain(RMVPE, self.models, self.report, INSTALL)
        model = Rmvpe()
        model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        return model.eval().requires_grad_(False).to(self.device)


def read_hubert(path: Path) -> dict[str, Tensor]:
    """A HuBERT checkpoint of transformers, its weight norm folded, training's leftovers left out."""
    import torch

    stored = torch.load(path, map_location="cpu", weights_only=True)
    weights = {name.removeprefix("hubert."): tensor.float() for name, tensor in stored.items()}
    weights.pop("masked_spec_embed", None)
    conv = "encoder.pos_conv_embed.conv."
    for names in (("weight_g", "weight_v"), tuple(f"parametrizations.weight.original{n}" for n in (0, 1))):
        if conv + names[0] in weights:
            length, value = (weights.pop(conv + name) for name in names)
            weights[f"{conv}weight"] = length * value / value.norm(dim=(0, 1), keepdim=True)
    return weights


def resampled(sound: Tensor, length: int) -> Tensor:
    """``sound`` at another rate, band-limited, by way of its spectrum; mirrored ends keep the edges quiet."""
    import torch

    count = sound.shape[-1]
    if count == length:
        return sound
    # As much mirror on both sides as there is sound: then lengths and mirrors scale by the same ratio.
    mirrored = torch.cat([sound.flip(-1), sound, sound.flip(-1)], dim=-1)
    spectrum = torch.fft.rfft(mirrored)
    return torch.fft.irfft(spectrum[: 3 * length // 2 + 1], 3 * length)[length : 2 * length] * (length / count)


def _retrieved(features: Tensor, index: Tensor, settings: ConversionSettings, pitch: Tensor | None) -> Tensor:
    """Features moved towards the nearest ones of the voice's own recordings; unvoiced sounds less so."""
    import torch

    own = features[0]
    known = index.to(own.dtype)
    apart = own.square().sum(1)[:, None] - 2 * own @ known.T + known.square().sum(1)
    score, nearest = apart.clamp_min(1e-6).topk(min(NEIGHBOURS, len(known)), dim=1, largest=False)
    weight = score.reciprocal().square()
    weight = weight / weight.sum(1, keepdim=True)
    found = (known[nearest] * weight[:, :, None]).sum(1)
    mixed = found * settings.index_rate + own * (1 - settings.index_rate)
    if pitch is not None and settings.protect < 0.5:
        share = torch.where(pitch[0] > 0, 1.0, settings.protect)[:, None]
        mixed = mixed * share + own * (1 - share)
    return mixed[None]


def _classes_of(pitch: Tensor) -> Tensor:
    from server.conversion.rvc.pitch import classes_of

    return classes_of(pitch)


def _check(settings: ConversionSettings) -> None:
    for name, value, low, high in (
        ("pitch", settings.pitch, -24, 24),
        ("index_rate", settings.index_rate, 0, 1),
        ("protect", settings.protect, 0, 0.5),
    ):
        if not low <= value <= high:
            raise InvalidRequest(f"{name} must be between {low} and {high}, not {value}.", param=name)


def _import_torch() -> Any:
    try:
        import safetensors  # noqa: F401
        import torch
    except ImportError as error:
        raise Unavailable(f"RVC is not installed ({error}): run `{INSTALL}`.", code="engine_not_installed") from error
    return torch
