"""Every setting is in force at once, or marked as one that waits for a restart."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from server import app as app_module
from server import serve as serve_module
from server.app import build
from server.engines.client import Deadlines
from server.errors import Overloaded
from server.life import Life
from server.logs import Memory
from server.settings import load_settings
from server.settings_tree import setting_fields
from server.speech.conversion import Converters
from server.troupe import Troupe

pytestmark = pytest.mark.unit

RULES = {"server.wants_key", "server.bind_host"}
"""What is said by several settings together, all of them marked."""


@pytest.fixture
def troupe(tmp_path: Path) -> Troupe:
    """The parts, with nothing started."""
    return build(load_settings({"engine": "tone"}, {}, tmp_path), "test", Life(host_owned=False), Memory())


def read_at_the_start() -> Iterator[str]:
    """``section.key`` of each setting that is read from the settings of the start."""
    for module in (app_module, serve_module):
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)) and _has_settings(function):
                sections = {"server": "server"} if function.name == "_policy" else {}
                for node in ast.walk(function):
                    if isinstance(node, ast.Attribute) and (key := _key(node, sections)):
                        yield key


def _has_settings(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(argument.arg == "settings" for argument in [*function.args.args, *function.args.kwonlyargs])


def _key(node: ast.Attribute, sections: dict[str, str]) -> str:
    inner = node.value
    if isinstance(inner, ast.Name) and inner.id in sections:
        return f"{sections[inner.id]}.{node.attr}"
    if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name) and inner.value.id == "settings":
        return f"{inner.attr}.{node.attr}"
    return ""


def test_what_is_read_at_the_start_only_is_marked() -> None:
    marked = {field.key for field in setting_fields() if field.restart}
    found = set(read_at_the_start())
    assert {"engine.threads", "deadlines.degraded_after", "server.log_level", "server.listen"} <= found
    assert found - RULES <= marked


def test_every_marked_setting_is_read_at_the_start() -> None:
    """So that nothing tells people to restart in vain."""
    by_rules = {"server.host", "server.port", "server.no_key", "server.require_key", "server.open_network"}
    marked = {field.key for field in setting_fields() if field.restart}
    assert marked - by_rules <= set(read_at_the_start())


def test_the_queue_follows_its_setting(troupe: Troupe) -> None:
    troupe.settings.change("server.queue", 1)
    turn = troupe.speech.scheduler.admit(["tone"])
    with pytest.raises(Overloaded):
        troupe.speech.scheduler.admit(["tone"])
    troupe.settings.change("server.queue", 2)
    second = troupe.speech.scheduler.admit(["tone"])
    for each in (turn, second):
        each.close()


def test_deadlines_follow_their_settings(troupe: Troupe) -> None:
    troupe.settings.change("deadlines.first_chunk_seconds", 7)
    troupe.settings.change("deadlines.stall_seconds", 8)
    assert troupe.registry.setup.deadlines() == Deadlines(7, 8)


def test_an_idle_engine_follows_its_setting(troupe: Troupe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.engines.registry._LOOK", 0.05)

    async def run() -> None:
        await troupe.registry.load("tone")
        watching = asyncio.create_task(troupe.registry.unload_when_idle())
        await asyncio.sleep(0.3)
        assert troupe.registry.state == "ready"
        troupe.settings.change("engine.idle_unload_minutes", 0.001)
        for _ in range(200):
            await asyncio.sleep(0.05)
            if troupe.registry.state == "unloaded":
                break
        assert troupe.registry.state == "unloaded"
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await troupe.registry.close()

    asyncio.run(run())


def test_an_idle_conversion_follows_its_setting(troupe: Troupe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.speech.conversion._LOOK", 0.02)
    converters: Converters = troupe.converters
    asked: list[float] = []

    def end_when_idle(seconds: float) -> bool:
        asked.append(seconds)
        return False

    monkeypatch.setattr(converters.process, "end_when_idle", end_when_idle)

    async def run() -> None:
        watching = asyncio.create_task(converters.unload_when_idle(troupe.registry.setup.idle_unload_seconds))
        await asyncio.sleep(0.2)
        assert not asked
        troupe.settings.change("engine.idle_unload_minutes", 0.0005)
        for _ in range(200):
            await asyncio.sleep(0.05)
            if asked:
                break
        assert set(asked) == {0.03}
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(run())
