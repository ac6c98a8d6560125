"""Whether RVC can work here."""

from __future__ import annotations

import importlib.util

_MODULES = ("torch", "safetensors")
"""What a conversion imports; the index's reader is needed only by voices that have one."""


def rvc_is_installed() -> bool:
    """Whether its packages are there; imports none of them."""
    return all(importlib.util.find_spec(module) is not None for module in _MODULES)
