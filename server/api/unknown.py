"""Answers for paths and methods that do not exist, before the studio could take them for pages of its own."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Mount, Route
from starlette.types import Receive, Scope, Send

ROOTS = ("/v1", "/api", "/audio", "/audiocache")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def install_catch_alls(app: FastAPI) -> None:
    """Add them behind all other routes and before the studio's mount."""
    unknown = _Unknown(app)
    for root in ROOTS:
        for path in (root, root + "/{rest:path}"):
            app.router.routes.append(Route(path, endpoint=unknown, include_in_schema=False))


class _Unknown:
    """An ASGI application: Starlette gives those every method, where a function would get GET alone."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = ", ".join(method for method in METHODS if self._known({**scope, "method": method}))
        if not allowed:
            raise HTTPException(404)
        if scope["method"] != "OPTIONS":
            raise HTTPException(405, headers={"Allow": allowed})
        await Response(status_code=204, headers={"Allow": allowed})(scope, receive, send)

    def _known(self, scope: Scope) -> bool:
        """True where another route takes that method: a catch-all hides it from the router. The studio takes all."""
        routes = (
            route
            for route in self._app.router.routes
            if getattr(route, "endpoint", None) is not self and not isinstance(route, Mount)
        )
        return any(route.matches(scope)[0] is Match.FULL for route in routes)
