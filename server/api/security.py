"""The gate: stands around the whole application but ``Level`` and decides who is answered, before anything is routed.

Host first (the only complete answer to DNS rebinding), then Origin and Sec-Fetch-Site, then the key, then the
body's size. It looks at ``scope["path"]``, which ``Level`` has made plain for it and the router alike, never at a
URL put together from the Host header.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from server.api.errors import Refused, error_response, unexpected_error
from server.api.exchange import Answer, Body
from server.api.policy import LOGIN_PATH, OPEN_PATHS, SPOKEN_MEDIA, GatePolicy, is_media
from server.api.visit import Visit
from server.errors import Overloaded, SpeechError, Unavailable
from server.keyfile import COOKIE
from server.life import Requests

log = logging.getLogger("troupe.gate")

ALLOW_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOW_HEADERS = (
    "authorization",
    "cache-control",
    "content-type",
    "if-match",
    "last-event-id",
    "range",
    "x-api-key",
    "x-requested-with",
)
EXPOSE_HEADERS = "x-request-id, content-disposition, content-range, etag, retry-after"
PREFLIGHT_SECONDS = 600
_RESTART_SECONDS = 5
"""When a client whose request a stop ended may ask again: about what a restart takes."""

_HEADER_NAME = re.compile(r"[a-z0-9_-]{1,60}")


class Cut(Exception):
    """Raised to the server that runs the application: cut this connection. It has been logged already."""


class Gate:
    """ASGI middleware around everything, HTTP and WebSocket.

    The application finds in its request's state its ``request_id`` and whether it is ``trusted``: the key was
    shown, or none is wanted.
    """

    def __init__(self, app: ASGIApp, policy: GatePolicy, requests: Requests | None = None) -> None:
        self._app = app
        self._policy = policy
        self._requests = Requests() if requests is None else requests  # an empty one is false
        self._speaking = 0
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit or refuse one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        visit = Visit.of(scope)
        request_id = f"req_{secrets.token_hex(12)}"
        try:
            trusted = self._admit(visit)
        except Refused as error:
            log.info("%s %s %a refused: %s", request_id, visit.method, visit.path[:100], error.code)
            await self._refuse(error, visit, request_id, scope, receive, send)
            return
        admitted = self._admitted(scope, visit, request_id, trusted)
        if scope["type"] == "websocket":
            await self._app(admitted, receive, send)
        elif visit.is_preflight:
            answer = Answer(send, {**self._marks(visit, request_id), **_preflight_marks(visit)})
            await Response(status_code=204)(scope, receive, answer)
        elif visit.path == SPOKEN_MEDIA and visit.method == "GET":
            await self._serve_few(admitted, visit, request_id, receive, send)
        else:
            await self._serve_counted(admitted, visit, request_id, receive, send)

    def _admit(self, visit: Visit) -> bool:
        """True where the key was shown or none is wanted; raises Refused for whoever stays outside."""
        self._check_host(visit)
        self._check_origin(visit)
        trusted = self._holds_key(visit)
        if not trusted and not self._policy.is_open(visit.method, visit.path):
            raise Refused(
                401,
                "This server wants its key, as 'Authorization: Bearer KEY' or 'x-api-key: KEY'. It lies in "
                "the file 'key' in the server's TROUPE_HOME.",
                headers={"www-authenticate": "Bearer"},
            )
        return trusted

    def _check_host(self, visit: Visit) -> None:
        hosts = visit.all("host")
        if len(hosts) == 1 and self._policy.allows_host(hosts[0], from_page=visit.is_from_page):
            return
        plain = re.fullmatch(r"([A-Za-z0-9.-]{1,80})(:\d+)?", hosts[0]) if len(hosts) == 1 else None
        raise Refused(
            421,
            f"This server does not go by the name {', '.join(hosts)[:100]!r}. If it should, start it with "
            f"--host-name {plain[1] if plain else 'NAME'} (or --listen, for addresses in your network).",
        )

    def _check_origin(self, visit: Visit) -> None:
        origins = visit.all("origin")
        if not origins:
            if visit.one("sec-fetch-site") == "cross-site" and not _is_harmless(visit):
                raise Refused(
                    403,
                    "A page of another site asked for this without saying which. If it may use this server, "
                    "start it with --allow-origin ORIGIN, and let the page use CORS.",
                    code="cross_site",
                )
        elif len(origins) > 1 or not self._policy.allows_origin(origins[0]):
            plain = re.fullmatch(r"[A-Za-z0-9.:/\[\]-]{1,100}", origins[0])
            raise Refused(
                403,
                f"Pages from {', '.join(origins)[:100]!r} may not use this server. If they should, start it "
                f"with --allow-origin {origins[0] if plain else 'ORIGIN'}.",
                code="origin_not_allowed",
            )

    def _holds_key(self, visit: Visit) -> bool:
        if self._policy.key is None or any(self._policy.allows_key(key) for key in visit.keys):
            return True
        # To a browser, pages of other ports are the same site and would send the cookie too: only ours count.
        return visit.is_same_origin and self._policy.allows_cookie(visit.cookie(COOKIE))

    def _admitted(self, scope: Scope, visit: Visit, request_id: str, trusted: bool) -> Scope:
        # Gradio builds its links from a forwarded host, so one that is not ours must not get there.
        headers = [
            (name, value)
            for name, value in scope["headers"]
            if name != b"x-forwarded-host"
            or self._policy.allows_host(value.decode("latin-1"), from_page=visit.is_from_page)
        ]
        state = {**scope.get("state", {}), "request_id": request_id, "trusted": trusted}
        return {**scope, "headers": headers, "state": state}

    def _marks(self, visit: Visit, request_id: str) -> dict[str, str]:
        """Headers of every answer: its id, and for an allowed page the leave to read it."""
        marks = {"x-request-id": request_id, "vary": "Origin", "x-content-type-options": "nosniff"}
        origins = visit.all("origin")
        if len(origins) == 1 and self._policy.allows_origin(origins[0]):
            marks["access-control-allow-origin"] = origins[0]
            marks["access-control-expose-headers"] = EXPOSE_HEADERS
        return marks

    async def _serve_counted(
        self, scope: Scope, visit: Visit, request_id: str, receive: Receive, send: Send
    ) -> None:
        most = self._policy.requests_at_once
        # Whoever asks whether the server lives is answered even then.
        if self._open >= most and visit.path not in OPEN_PATHS:
            error = Overloaded(
                f"{self._open} requests are open; server.max_connections allows {most}.", retry_after=2
            )
            await self._refuse(error, visit, request_id, scope, receive, send)
            return
        self._open += 1
        try:
            await self._serve(scope, visit, request_id, receive, send)
        finally:
            self._open -= 1

    async def _serve_few(
        self, scope: Scope, visit: Visit, request_id: str, receive: Receive, send: Send
    ) -> None:
        if self._speaking >= self._policy.spoken_media_at_once:
            error = Overloaded(
                f"{self._speaking} streams of this kind are being spoken already.", retry_after=1
            )
            await self._refuse(error, visit, request_id, scope, receive, send)
            return
        self._speaking += 1
        try:
            await self._serve(scope, visit, request_id, receive, send)
        finally:
            self._speaking -= 1

    async def _serve(self, scope: Scope, visit: Visit, request_id: str, receive: Receive, send: Send) -> None:
        most_bytes, most_seconds = self._policy.body_limit(visit.path)
        body = Body(receive, most_bytes=most_bytes, most_seconds=most_seconds)
        body.check_length(visit.one("content-length"))
        answer = Answer(send, self._marks(visit, request_id), muted=lambda: body.refusal is not None)
        failure: Exception | None = None
        stopped: Unavailable | None = None
        if body.refusal is None:
            try:
                with self._requests.one():
                    await self._app(scope, body, answer)
            except asyncio.CancelledError:
                if not self._requests.ended:
                    raise
                failure = stopped = Unavailable(
                    "The server was stopped before it could answer. Try again when it runs again.",
                    code="server_stopping",
                    retry_after=_RESTART_SECONDS,
                )
            except Exception as error:  # noqa: BLE001 - the outermost boundary: the client is told of anything
                failure = error
        if answer.started:
            if failure is not None and not answer.complete:
                why = "the server stops" if stopped else failure
                log.warning("%s %s %a was cut: %s", request_id, visit.method, visit.path[:100], why)
                raise Cut from failure  # the server cuts the connection; a clean end would look like success
        elif body.refusal is not None:
            if body.refusal.status == 413:
                await body.drain()
            await self._refuse(body.refusal, visit, request_id, scope, receive, send)
        elif stopped is not None:
            await self._refuse(stopped, visit, request_id, scope, receive, send)
        elif failure is not None:
            log.error("%s %s %a broke", request_id, visit.method, visit.path[:100], exc_info=failure)
            await self._refuse(unexpected_error(request_id), visit, request_id, scope, receive, send)

    async def _refuse(
        self, error: SpeechError, visit: Visit, request_id: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        response: Response = error_response(visit.path, error)
        if isinstance(error, Refused) and error.status == 401 and visit.is_page_visit:
            response = Response(status_code=303, headers={"location": LOGIN_PATH})
        if scope["type"] == "http":
            await response(scope, receive, Answer(send, self._marks(visit, request_id)))
        elif "websocket.http.response" in scope.get("extensions", {}):
            await response(scope, receive, send)
        else:
            await receive()  # the handshake; ASGI has a refusal come after it
            await send({"type": "websocket.close", "code": 1008, "reason": error.code})


def _is_harmless(visit: Visit) -> bool:
    """Cross-site requests that come without an Origin and change nothing: a link, an audio element."""
    if visit.is_page_visit and visit.path in ("/", LOGIN_PATH):
        return True
    plays = visit.method in ("GET", "HEAD") and visit.one("sec-fetch-dest") == "audio"
    return plays and is_media(visit.path)


def _preflight_marks(visit: Visit) -> dict[str, str]:
    """Leave for an allowed page's next request, with whatever headers it names: its origin is trusted."""
    asked = [name.strip().lower() for name in (visit.one("access-control-request-headers") or "").split(",")]
    named = [name for name in asked[:40] if _HEADER_NAME.fullmatch(name)]
    headers = {
        "access-control-allow-methods": ALLOW_METHODS,
        "access-control-allow-headers": ", ".join(sorted({*ALLOW_HEADERS, *named})),
        "access-control-max-age": str(PREFLIGHT_SECONDS),
        "vary": "Origin, Access-Control-Request-Headers",
    }
    if visit.one("access-control-request-private-network") == "true":
        headers["access-control-allow-private-network"] = "true"
    return headers
