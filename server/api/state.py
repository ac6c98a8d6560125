"""The parts of the server a request came to: made by ``create_app``, kept on the application."""

from __future__ import annotations

from typing import cast

from fastapi import Request

from server.troupe import Troupe


def troupe_of(request: Request) -> Troupe:
    """The server that this request came to."""
    return cast(Troupe, request.app.state.troupe)
