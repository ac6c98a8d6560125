"""The two halves of Kokoro in ONNX Runtime: prosody for a whole utterance, sound window by window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from server.audio.chunk import Samples
from server.engines.base import Cancel
from server.engines.kokoro import surgery
from server.engines.kokoro.moments import Floats, Moments
from server.engines.kokoro.voices import Style
from server.engines.kokoro.windows import Joiner, Window
from server.errors import SynthesisFailed

_BINS, _HOP = 20, 5
"""The generator's Fourier transform: window and hop in samples."""


@dataclass(frozen=True, slots=True)
class Acoustics:
    """An utterance before it is sound."""

    features: Floats
    """Shape (1, 512, steps)."""
    spectrum: Floats
    """Of the excitation signal, shape (1, 22, 60 * steps + 1): magnitudes, then phases."""
    durations: Floats
    """Frames of two steps for each token, pads included."""

    @property
    def steps(self) -> int:
        """Steps of 12.5 ms."""
        return int(self.features.shape[2])


class Model:
    """Both sessions; one utterance at a time."""

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        self._runtime = onnxruntime
        parts = surgery.cut(path.read_bytes())
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # it warns of every node it folds
        options.intra_op_num_threads = threads
        # Threads that wait in a loop for the next window gained nothing measurable and keep both cores hot.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = ["CPUExecutionProvider"]
        self._prosody = onnxruntime.InferenceSession(parts.prosody, options, providers)
        self._generator = onnxruntime.InferenceSession(parts.generator, options, providers)
        self._channels = parts.channels

    def acoustics(self, tokens: Sequence[int], style: Style, speed: float, cancel: Cancel) -> Acoustics:
        """How the utterance is to sound, all of it."""
        inputs: dict[str, npt.NDArray[Any]] = {
            "tokens": np.array([[0, *tokens, 0]], dtype=np.int64),
            "style": style,
            "speed": np.array([speed], dtype=np.float32),
        }
        features, excitation, durations = self._run(self._prosody, inputs, cancel)
        return Acoustics(features, spectrum(excitation), durations.ravel())

    def moments(self, acoustics: Acoustics, style: Style) -> Floats:
        """The moments of a whole utterance, shape (1, channels, 2)."""
        whole, nothing = Window(0, acoustics.steps), Moments.none(self._channels)
        return self._decode(acoustics, style, whole, nothing, Cancel())[1]

    def sound(
        self, acoustics: Acoustics, style: Style, windows: Sequence[Window], expected: Moments, cancel: Cancel
    ) -> Iterator[Samples]:
        """The sound, one stretch for each window; together they are the whole.

        A single window needs nobody's expectation: its own moments are the sentence's.
        """
        moments = expected if len(windows) > 1 else Moments.none(self._channels)
        joiner = Joiner(acoustics.steps)
        for window in windows:
            outer = window.with_context(acoustics.steps)
            samples, own = self._decode(acoustics, style, outer, moments, cancel)
            moments = moments.with_window(own, outer.end - outer.start)
            yield joiner.add(samples.ravel(), window)

    def _decode(
        self, acoustics: Acoustics, style: Style, window: Window, moments: Moments, cancel: Cancel
    ) -> tuple[Floats, Floats]:
        """Sound and moments of a window."""
        start, end = window.start, window.end
        inputs = {
            surgery.FEATURES: np.ascontiguousarray(acoustics.features[:, :, start:end]),
            surgery.SPECTRUM: np.ascontiguousarray(acoustics.spectrum[:, :, 60 * start : 60 * end + 1]),
            "style": style,
            surgery.MOMENTS: moments.values,
            surgery.MOMENTS_WEIGHT: np.array([moments.share_beside(end - start)], np.float32),
        }
        samples, own = self._run(self._generator, inputs, cancel)
        return samples, own

    def _run(self, session: Any, inputs: Mapping[str, npt.NDArray[Any]], cancel: Cancel) -> list[Floats]:
        """Run to the end, or to Cancelled: ONNX Runtime looks at ``terminate`` before every node."""
        options = self._runtime.RunOptions()
        with cancel.calling(lambda: setattr(options, "terminate", True)):
            cancel.check()
            try:
                outputs: list[Floats] = session.run(None, dict(inputs), options)
            except Exception as error:
                cancel.check()
                raise SynthesisFailed(f"Kokoro failed: {error}") from error
        cancel.check()
        return outputs


def spectrum(excitation: Floats) -> Floats:
    """Short-time Fourier transform as magnitudes and phases.

    Here and not in the graph: ONNX Runtime's STFT takes ten times as long, 4 % of a whole sentence.
    """
    frames = np.lib.stride_tricks.sliding_window_view(excitation.ravel(), _BINS)[::_HOP]
    transformed = frames @ _BASIS
    both = np.concatenate([np.abs(transformed), np.angle(transformed)], axis=1)
    return np.ascontiguousarray(both.T[np.newaxis].astype(np.float32))


def _basis() -> npt.NDArray[np.complex64]:
    turns = np.outer(np.arange(_BINS), np.arange(_BINS // 2 + 1)) / _BINS
    hann = np.hanning(_BINS + 1)[:-1, np.newaxis]
    return np.asarray(np.exp(-2j * np.pi * turns) * hann, dtype=np.complex64)


_BASIS = _basis()
