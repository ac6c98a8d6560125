"""Tests of engines on torch run where torch is installed; elsewhere they say what would install it."""

from __future__ import annotations

import pytest

from tests.installed import lacking


def need(*modules: str, command: str) -> None:
    """Skip the test module, with a word, unless all ``modules`` can be imported."""
    if names := lacking(*modules):
        pytest.skip(f"{', '.join(names)} not installed here: `{command}`", allow_module_level=True)
