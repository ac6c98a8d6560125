"""text-generation-webui as fakes, for every test of its extension."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.host.fake_web_ui import FakeWebUI, wait_for
from tests.host.stub_server import StubServer, running


@pytest.fixture
def web_ui(home: Path, tmp_path: Path) -> Iterator[FakeWebUI]:
    host = FakeWebUI(tmp_path / "host")
    yield host
    host.close()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubServer]:
    with running() as server:
        monkeypatch.setenv("TROUPE_SERVER__PORT", server.address.rpartition(":")[2])
        yield server


@pytest.fixture
def script(web_ui: FakeWebUI, stub: StubServer) -> Any:
    """Loaded, set up and attached to a good server."""
    web_ui.install("troupe", user_data=False)
    loaded = web_ui.load("troupe", user_data=False)
    loaded.setup()
    wait_for(lambda: web_ui.runtime().launcher.status.phase == "ready")
    return loaded
