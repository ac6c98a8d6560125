"""What comes to the gate and is no request: a WebSocket, and the server's start and end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from server.api.security import Gate
from tests.api.gate import GOOD_COOKIE, HOME, KEY, KEYED

pytestmark = pytest.mark.api

SOCKETS = [
    ({"host": "localhost"}, HOME, True),
    ({"host": "localhost", "origin": "http://localhost:7851"}, HOME, True),
    ({"host": "evil.example", "origin": "http://evil.example"}, HOME, False),
    ({"host": "localhost", "origin": "https://evil.example"}, HOME, False),
    ({"host": "localhost"}, KEYED, False),
    ({"host": "localhost", "authorization": f"Bearer {KEY}"}, KEYED, True),
    ({"host": "localhost", "origin": "http://localhost", "cookie": GOOD_COOKIE}, KEYED, True),
    ({"host": "localhost", "origin": "http://localhost:8000", "cookie": GOOD_COOKIE}, KEYED, False),
]


@pytest.mark.parametrize("extension", [False, True])
@pytest.mark.parametrize(("headers", "policy", "admitted"), SOCKETS)
def test_websockets(headers, policy, admitted, extension):
    sent: list[dict[str, Any]] = []
    reached: list[str] = []

    async def app(scope, receive, send) -> None:
        reached.append(scope["state"]["request_id"])
        await send({"type": "websocket.accept"})

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/gradio_api/ws",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "extensions": {"websocket.http.response": {}} if extension else {},
    }
    asyncio.run(Gate(app, policy)(scope, receive, send))
    assert bool(reached) is admitted
    if admitted:
        assert sent == [{"type": "websocket.accept"}]
    elif extension:
        assert sent[0]["type"] == "websocket.http.response.start"
        assert sent[0]["status"] in (401, 403, 421)
    else:
        assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1008)]


def test_the_lifespan_passes():
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append(scope["type"])

    asyncio.run(Gate(app, HOME)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
