"""One server with the tone engine for all tests of its routes."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.running import Running, running


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that several tests share; they put back what they change."""
    with running(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture
def http(served: Running) -> Iterator[httpx.Client]:
    """A client of the shared server."""
    with served.http() as client:
        yield client
