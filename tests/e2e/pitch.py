"""Pitch of speech by autocorrelation: made for tests, and apart from the server's own code on purpose."""

from __future__ import annotations

import numpy as np

_LOWEST, _HIGHEST = 60.0, 400.0
_FRAME, _HOP = 0.04, 0.01
"""Seconds; a frame holds two periods of the lowest voice."""
_VOICED = 0.7
"""Share of a frame's energy that repeats itself, from which on it counts as voiced."""
_QUIET = 0.02
"""RMS of frames that are not looked at."""


def median_pitches(one: np.ndarray, other: np.ndarray, rate: int) -> tuple[float, float]:
    """Of the same words said at two speeds, in Hz: the medians over moments that are voiced in both.

    Only such moments can be compared: faster speech has fewer frames in its short vowels.
    """
    moments = np.arange(_FRAME, len(one) / rate - _FRAME, _HOP) * rate / len(one)
    first, second = (np.array([_pitch_at(moment, each, rate) for moment in moments]) for each in (one, other))
    both = (first > 0) & (second > 0)
    return float(np.median(first[both])), float(np.median(second[both]))


def _pitch_at(moment: float, samples: np.ndarray, rate: int) -> float:
    """In Hz at a share of the whole length; zero where there is no voice."""
    size = round(_FRAME * rate)
    start = min(max(0, round(moment * len(samples)) - size // 2), len(samples) - size)
    frame = samples[start : start + size].astype(float)
    frame -= frame.mean()
    if np.sqrt(np.mean(frame**2)) < _QUIET:
        return 0.0
    likeness = _likeness(frame)
    low, high = int(rate / _HIGHEST), int(rate / _LOWEST)
    inner = likeness[low : high + 1]
    peaks = np.flatnonzero((inner > likeness[low - 1 : high]) & (inner >= likeness[low + 1 : high + 2]))
    if not len(peaks) or inner[peaks].max() < _VOICED:
        return 0.0
    # The first peak nearly as high as the highest: the highest may lie at twice the period.
    lag = low + int(peaks[inner[peaks] > 0.95 * inner[peaks].max()][0])
    before, at, after = likeness[lag - 1 : lag + 2]
    return float(rate / (lag + 0.5 * (before - after) / (before - 2 * at + after)))


def _likeness(frame: np.ndarray) -> np.ndarray:
    """Of a frame with itself at each lag, normalised by the energy of the parts that overlap."""
    size = len(frame)
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frame, 2 * size)) ** 2)[:size]
    energy = np.concatenate([[0.0], np.cumsum(frame**2)])
    overlap = np.sqrt(energy[size:0:-1] * (energy[size] - energy[:size]))
    return np.asarray(correlation / (overlap + 1e-12))
