"""Requests as clients really write them, made plain before the gate and the router look at them."""

from __future__ import annotations

import re
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from server.api.unknown import ROOTS
from server.api.visit import Visit

_SLASHES = re.compile("/{2,}")
_JSON_ROUTES = frozenset({"/v1/audio/speech", "/api/openai-voicemap"})
"""Routes that AllTalk's clients call without saying that they send JSON."""
_UNSAID = ("", "application/x-www-form-urlencoded")
"""What comes from programs that were told nothing: none at all, and what ``curl -d`` puts in."""


class Level:
    """ASGI middleware around the gate, so that gate and router see the same path.

    It redirects nothing, because many clients would repeat a redirected POST without its body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a plain path and the content type that it means."""
        if scope["type"] in ("http", "websocket"):
            scope = _with_content_type(_with_path(scope))
        await self._app(scope, receive, send)


def plain_path(path: str) -> str:
    """``//v1//audio/speech/`` is ``/v1/audio/speech``; a path that is not the API's stays as it is."""
    plain = _SLASHES.sub("/", path).rstrip("/")
    return plain if any(plain == root or plain.startswith(f"{root}/") for root in ROOTS) else path


def _with_path(scope: Scope) -> Scope:
    path = scope["path"]
    plain = plain_path(path)
    return scope if plain == path else {**scope, "path": plain, "raw_path": quote(plain).encode("ascii")}


def _with_content_type(scope: Scope) -> Scope:
    """Take for JSON what a program sent without a word about it.

    A browser's request stays as it is: pages of other sites may send forms without asking first, and JSON only
    after asking.
    """
    visit = Visit.of(scope)
    if visit.path not in _JSON_ROUTES or visit.method not in ("POST", "PUT") or visit.is_from_page:
        return scope
    said = visit.one("content-type") or ""
    if said.partition(";")[0].strip().lower() not in _UNSAID:
        return scope
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
    # What is no JSON after all is refused for what was said.
    state = {**scope.get("state", {}), "content_type": said}
    return {**scope, "headers": [*headers, (b"content-type", b"application/json")], "state": state}
