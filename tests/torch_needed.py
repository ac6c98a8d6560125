"""Tests of engines on torch run where torch is installed; elsewhere they say what would install it."""

from __future__ import annotations

import importlib.util

import pytest


def need(*modules: str, command: str) -> None:
    """Skip the test module, with a word, unless all ``modules`` can be imported."""
    lacking = [name for name in modules if importlib.util.find_spec(name) is None]
    if lacking:
        pytest.skip(f"{', '.join(lacking)} not installed here: `{command}`", allow_module_level=True)
