"""WAV and bare PCM: 16-bit little-endian samples, with or without 44 bytes in front."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from server.audio.chunk import Samples

UNKNOWN_SIZE = 0xFFFFFFFF
"""What the header says where the length is not known yet."""

_LAYOUT = "<4sI4s4sIHHIIHH4sI"
HEADER_SIZE = struct.calcsize(_LAYOUT)


def wav_bytes(samples: Samples, rate: int) -> bytes:
    """A whole WAV file at the rate it has."""
    data = pcm_bytes(samples)
    return riff_header(rate, len(data)) + data


def riff_header(rate: int, size: int | None) -> bytes:
    """What stands before ``size`` bytes of mono samples; None where the size is not known."""
    riff_size = UNKNOWN_SIZE if size is None else size + HEADER_SIZE - 8
    data_size = UNKNOWN_SIZE if size is None else size
    form = (16, 1, 1, rate, rate * 2, 2, 16)  # size of this part, PCM, mono, bytes/s, bytes and bits a sample
    return struct.pack(_LAYOUT, b"RIFF", riff_size, b"WAVE", b"fmt ", *form, b"data", data_size)


def pcm_bytes(samples: Samples) -> bytes:
    """Samples as s16le."""
    return to_s16(samples).astype("<i2").tobytes()


def to_s16(samples: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int16]:
    """16-bit samples; what is louder than full scale is cut."""
    whole: npt.NDArray[np.int16] = np.rint(np.clip(samples, -1.0, 1.0) * 32767.0).astype(np.int16)
    return whole
