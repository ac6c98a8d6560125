"""What several tests of XTTS begin with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def slim_vocoder() -> Iterator[None]:
    """XTTS as the tests make and load it has a slim vocoder."""
    from tests.contract.coqui_models import small_vocoder

    with small_vocoder():
        yield


@pytest.fixture(scope="module")
def xtts_models(slim_vocoder: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with two small ones of random weights: Ann and Bob speak in ``mine``, Cid in ``other``."""
    from tests.contract.coqui_models import make_xtts

    folder = tmp_path_factory.mktemp("xtts")
    make_xtts(folder / "mine")
    make_xtts(folder / "other", speakers=("Cid",))
    return folder
