"""One server with the tone engine for all tests of its routes, and one with a second engine beside it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.api.beside import TABLE
from tests.running import Running, running, wait_for


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


@pytest.fixture(scope="session")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The toy engine with bells beside it; tests put back what they change."""
    with running(tmp_path_factory.mktemp("both"), engines=TABLE, engine__beside="bell") as server:
        wait_for(lambda: server.troupe.registry.voices("bell"))
        yield server
