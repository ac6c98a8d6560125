"""The gate, asked in raw ASGI as a server would ask it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.api.policy import GatePolicy
from server.api.security import Gate
from server.keyfile import COOKIE, cookie_for

KEY = "k" * 43
HOME = GatePolicy(host_names=frozenset({"box", "box.local"}))
MACHINE = GatePolicy(machine_names=frozenset({"box", "box.local", "host.docker.internal"}))
LISTED = replace(HOME, origins=frozenset({"https://chat.example", "null", "chrome-extension://abc"}))
NETWORK = replace(HOME, network=True, key=KEY, host_names=frozenset({"box", "voice.example"}))
KEYED = replace(HOME, key=KEY)
BEARER = {"authorization": f"Bearer {KEY}"}
GOOD_COOKIE = f"theme=dark; {COOKIE}={cookie_for(KEY)}"
NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
Headers = dict[str, str] | Sequence[tuple[str, str]]


@dataclass
class Answered:
    """What a client would have got."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False
    scope: dict[str, Any] = field(default_factory=dict)
    """What the application was given; empty where it was not asked."""

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, f"{name} twice: {found}"
        return found[0] if found else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    policy: GatePolicy,
    method: str = "GET",
    path: str = "/v1/models",
    headers: Headers = (),
    *,
    body: bytes | list[bytes] = b"",
    app: ASGIApp | None = None,
    host: str | None = "127.0.0.1:7851",
    gate: Gate | None = None,
) -> Answered:
    """One request through the gate, as a server would hand it on."""
    return asyncio.run(asking(policy, method, path, headers, body=body, app=app, host=host, gate=gate))


async def asking(
    policy: GatePolicy,
    method: str = "GET",
    path: str = "/v1/models",
    headers: Headers = (),
    *,
    body: bytes | list[bytes] = b"",
    app: ASGIApp | None = None,
    host: str | None = None,
    gate: Gate | None = None,
) -> Answered:
    """The same inside a loop, where several can be on their way."""
    answered = Answered()
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    if host is not None:
        pairs.insert(0, ("host", host))
    chunks = [body] if isinstance(body, bytes) else list(body)

    async def default(scope: Scope, receive: Receive, send: Send) -> None:
        answered.scope = dict(scope)
        while (message := await receive())["type"] == "http.request" and message.get("more_body"):
            pass
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
        )
        await send({"type": "http.response.body", "body": b"fine"})

    async def receive() -> Message:
        if chunks:
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered.status = message["status"]
            answered.headers = [(k.decode(), v.decode()) for k, v in message["headers"]]
        elif message["type"] == "http.response.body":
            answered.body += message.get("body", b"")
            answered.complete = not message.get("more_body", False)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in pairs],
    }
    await (gate or Gate(app or default, policy))(scope, receive, send)
    return answered
