"""How fast sound is joined, stretched and encoded, and how soon bytes leave: ``python -m tests.bench.audio``.

Prints seconds of speech handled in a second of one core, best of three.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from server.audio.chunk import AudioChunk, Samples
from server.audio.effects import Effect, PitchShift, TimeStretch
from server.audio.encoders import Encoder, make_encoder
from server.audio.formats import FORMATS, AudioFormat
from server.audio.join import Joiner
from server.audio.resample import resample

RATE = 24_000
SECONDS = 20.0
CHUNK = RATE // 5


def speech() -> Samples:
    """Voiced syllables with quiet between them."""
    at = np.arange(round(SECONDS * RATE)) / RATE
    voice = sum(np.sin(2 * np.pi * 120 * n * at) / n for n in range(1, 15))
    syllables = np.clip(np.sin(2 * np.pi * 2 * at) + 0.3, 0, 1)
    noise = 1e-4 * np.random.default_rng(0).standard_normal(len(at))
    return (0.2 * voice * syllables + noise).astype(np.float32)


def main() -> None:
    """Print the table."""
    chunks = [
        AudioChunk(part, RATE) for part in np.split(speech(), range(CHUNK, round(SECONDS * RATE), CHUNK))
    ]
    print(f"{'join':18}{_ratio(lambda: _join(chunks)):9.0f} x")
    print(
        f"{'resample to 44.1':18}{_ratio(lambda: [resample(c.samples, RATE, 44_100) for c in chunks]):9.0f} x"
    )
    for speed in (0.25, 0.5, 1.25, 2.0, 4.0):
        print(f"{f'speed {speed:g}':18}{_ratio(lambda s=speed: _push(TimeStretch(RATE, s), chunks)):9.0f} x")
    print(f"{'pitch +4':18}{_ratio(lambda: _push(PitchShift(RATE, 4), chunks)):9.0f} x")
    for format in FORMATS.values():
        ratio = _ratio(lambda f=format: _encode(make_encoder(f, RATE), chunks))
        print(f"{format.name:18}{ratio:9.0f} x   first bytes after {_first_bytes(format):5.0f} ms of sound")


def _ratio(work: Callable[[], object]) -> float:
    best = min(_timed(work) for _ in range(3))
    return SECONDS / best


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _join(chunks: list[AudioChunk]) -> None:
    joiner = Joiner(RATE)
    joiner.begin_piece()
    for chunk in chunks:
        joiner.push(chunk)
    joiner.end_piece(0.3)


def _push(effect: Effect, chunks: list[AudioChunk]) -> None:
    for chunk in chunks:
        effect.push(chunk)
    effect.flush()


def _encode(encoder: Encoder, chunks: list[AudioChunk]) -> None:
    for chunk in chunks:
        encoder.encode(chunk)
    encoder.flush()


def _first_bytes(format: AudioFormat) -> float:
    """Milliseconds of sound that an encoder takes before it gives more than its header."""
    header = len(make_encoder(format, RATE).flush())
    encoder = make_encoder(format, RATE)
    sound = speech()
    sent = step = 0
    while sent <= header:
        sent += len(encoder.encode(AudioChunk(sound[step * 24 : (step + 1) * 24], RATE)))
        step += 1
    return float(step)


if __name__ == "__main__":
    main()
