"""Means and deviations of a model's spectrograms, out of a ``.npy`` that holds a pickle.

The library reads them with numpy's ``allow_pickle``, which runs whatever such a file says. Only arrays, numbers
and texts are let through here.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

_ARRAYS = {("numpy", "ndarray"), ("numpy", "dtype")} | {
    (f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")
}
_MOST = 10_000_000


def read_stats(path: Path) -> dict[str, Any]:
    """What the file says, by name; pickle.UnpicklingError or ValueError if it is anything but plain values."""
    if path.stat().st_size > _MOST:
        raise ValueError(f"{path.name} is too large")
    stream = io.BytesIO(path.read_bytes())
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        np.lib.format.read_array_header_1_0(stream)
    else:
        np.lib.format.read_array_header_2_0(stream)
    found = _Plain(stream).load()
    stats = found.item() if isinstance(found, np.ndarray) and found.size == 1 else found
    if not isinstance(stats, dict):
        raise ValueError(f"{path.name} holds no statistics")
    return stats


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Of everything that a pickle may name, only what arrays are made of."""
        if (module, name) not in _ARRAYS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module, name)
