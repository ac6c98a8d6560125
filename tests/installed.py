"""What is installed, asked without importing it."""

from __future__ import annotations

import importlib.util


def lacking(*modules: str) -> list[str]:
    """Those of ``modules`` that cannot be imported here."""
    return [name for name in modules if importlib.util.find_spec(name) is None]
