"""What several tests of the Coqui library's list begin with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.coqui_list import LIST


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    """The tests' list in a file."""
    path = tmp_path / "models.json"
    path.write_text(json.dumps(LIST), encoding="utf-8")
    return path
