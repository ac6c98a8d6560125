"""How many narrations may be open."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from server.errors import Overloaded
from server.settings import load_settings
from server.speech.narrations import NarrationRequest, Narrations

pytestmark = pytest.mark.unit


class LoadingEngine:
    """Stands where casting does, with an engine that is loading until it is let."""

    def __init__(self) -> None:
        self.loaded = asyncio.Event()

    def language(self, *_: object) -> str:
        """Every text is English."""
        return "en"

    async def ready(self, deliveries: object, timeout: float) -> None:
        await self.loaded.wait()


def test_the_bound_holds_for_those_who_came_together_while_an_engine_was_loading(tmp_path: Path) -> None:
    async def run() -> list[object]:
        settings = load_settings(None, {"TROUPE_NARRATION__MAX_SESSIONS": "1"}, tmp_path)
        casting = LoadingEngine()
        around: Any = SimpleNamespace(casting=casting)
        scripts: Any = None
        narrations = Narrations(around, scripts, lambda: settings)
        started = [asyncio.create_task(narrations.start(NarrationRequest())) for _ in range(2)]
        await asyncio.sleep(0)
        casting.loaded.set()
        outcomes: list[object] = [*await asyncio.gather(*started, return_exceptions=True)]
        (opened,) = narrations.open
        await opened.cancel("test")
        return outcomes

    opened, refused = asyncio.run(run())
    assert not isinstance(opened, Exception)
    assert isinstance(refused, Overloaded)
    assert refused.code == "too_many_narrations"
