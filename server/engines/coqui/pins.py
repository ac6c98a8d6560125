"""Sizes and checksums of the library's archives, as far as somebody has published them.

The library's list has none. An archive that is not here is trusted when it is fetched for the first time, from
its official address over https; its digests are then kept beside the model, see ``receipts.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

PINS: Mapping[str, tuple[int, str]] = {}
"""Name of a model or vocoder -> bytes and SHA-256 of its archive."""
