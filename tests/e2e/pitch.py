"""Median pitch of speech, by autocorrelation: made for tests, and apart from the server's own code on purpose."""

from __future__ import annotations

import numpy as np

_LOWEST, _HIGHEST = 60.0, 400.0
_FRAME, _HOP = 0.05, 0.01
"""Seconds; a frame holds three periods of the lowest voice."""
_VOICED = 0.7
"""Share of a frame's energy that repeats itself, from which on it counts as voiced."""


def median_pitch(samples: np.ndarray, rate: int) -> float:
    """In Hz, over the voiced frames."""
    return float(np.median(pitches(samples, rate)))


def pitches(samples: np.ndarray, rate: int) -> np.ndarray:
    """Of each voiced frame, in Hz."""
    size, hop = round(_FRAME * rate), round(_HOP * rate)
    frames = np.lib.stride_tricks.sliding_window_view(samples.astype(float), size)[::hop]
    frames = frames[np.sqrt(np.mean(frames**2, axis=1)) > 0.02]
    found = [_pitch(frame - frame.mean(), rate) for frame in frames]
    return np.array([pitch for pitch in found if pitch])


def _pitch(frame: np.ndarray, rate: int) -> float:
    """Zero where the frame is not voiced."""
    size = len(frame)
    spectrum = np.fft.rfft(frame, 2 * size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:size]
    # Normalised by the energy of the two parts that overlap, so that a longer lag is not a weaker one.
    energy = np.concatenate([[0.0], np.cumsum(frame**2)])
    overlap = np.sqrt(energy[size:0:-1] * (energy[size] - energy[:size])) + 1e-12
    likeness = correlation / overlap
    low, high = int(rate / _HIGHEST), int(rate / _LOWEST)
    inner = likeness[low : high + 1]
    peaks = np.flatnonzero((inner > likeness[low - 1 : high]) & (inner >= likeness[low + 1 : high + 2]))
    if not len(peaks) or inner[peaks].max() < _VOICED:
        return 0.0
    # The first peak nearly as high as the highest: the highest may lie at twice the period.
    lag = low + int(peaks[inner[peaks] > 0.95 * inner[peaks].max()][0])
    before, at, after = likeness[lag - 1 : lag + 2]
    return rate / (lag + 0.5 * (before - after) / (before - 2 * at + after))
