"""What pages that are open ask every second or two: what has changed, and how the server is doing."""

from __future__ import annotations

from fastapi import APIRouter, Request

from server.api.schemas import Json
from server.api.state import troupe_of

router = APIRouter(include_in_schema=False)


@router.get("/api/revisions")
async def revisions(request: Request) -> Json:
    """A word for each topic that is another one after a change."""
    return await troupe_of(request).revisions()


@router.get("/api/status")
async def status(request: Request) -> Json:
    """Figures, the last requests, the end of the log."""
    return troupe_of(request).status()
