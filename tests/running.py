"""A real server on a free port in this process, for tests that talk HTTP to it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from server.app import create_app
from server.engines.table import ENGINES
from server.graceful import Server
from server.port import bind
from server.settings import load_settings
from server.troupe import Troupe


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    url: str
    troupe: Troupe
    home: Path

    def http(self, **kwargs: Any) -> httpx.Client:
        """A client for it."""
        return httpx.Client(base_url=self.url, timeout=60, **kwargs)


@contextlib.contextmanager
def running(
    home: Path, *, key: str | None = None, engines: Mapping[str, str] = ENGINES, **settings: object
) -> Iterator[Running]:
    """Serve with the tone engine unless ``engine__name`` says otherwise; names are ``section__key``."""
    given = {"engine__name": "tone", "server__port": 0, **settings}
    loaded = load_settings(None, {f"TROUPE_{name.upper()}": str(value) for name, value in given.items()}, home)
    app = create_app(loaded, instance="test", key=key, engines=engines)
    server = Server(app, drain_seconds=1)
    sockets = bind(loaded)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets)))
    thread.start()
    troupe: Troupe = app.state.troupe
    try:
        wait_for(lambda: server.started and troupe.registry.state in ("ready", "degraded"))
        yield Running(f"http://127.0.0.1:{sockets[0].getsockname()[1]}", troupe, home)
    finally:
        server.should_exit = True
        thread.join(30)
        for each in sockets:
            each.close()


def wait_for(condition: Any, timeout: float = 30.0) -> None:
    """Until ``condition()`` is true."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("waited in vain")
        time.sleep(0.01)


