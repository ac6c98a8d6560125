"""Finished sounds by name: ``/audio`` plays them, ``/audiocache`` also lets browsers keep them."""

from __future__ import annotations

import asyncio
import mimetypes

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from server.api.state import troupe_of
from server.audio.formats import FORMATS
from server.errors import NotFound

router = APIRouter(tags=["Sound files"])

_TYPES = {entry.extension: entry.media_type for entry in FORMATS.values()} | {
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt",
}
_WEEK = "public, max-age=604800"


@router.head("/audio/{name}", include_in_schema=False)
@router.get("/audio/{name}")
async def get_audio_file(name: str, request: Request) -> FileResponse:
    """A file that a request has made; its name cannot be guessed. ``Range`` is answered."""
    return await _file(request, name)


@router.head("/audiocache/{name}", include_in_schema=False)
@router.get("/audiocache/{name}")
async def get_cached_audio_file(name: str, request: Request) -> FileResponse:
    """The same, to be kept for a week."""
    response = await _file(request, name)
    response.headers["Cache-Control"] = _WEEK
    return response


async def _file(request: Request, name: str) -> FileResponse:
    path = await asyncio.to_thread(troupe_of(request).audio.find, name)
    if path is None:
        raise NotFound("There is no such sound (or it was pruned).", code="file_not_found")
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    headers = {"X-Content-Type-Options": "nosniff"}
    if media_type is None:
        headers["Content-Disposition"] = "attachment"
    return FileResponse(path, media_type=media_type, headers=headers)
