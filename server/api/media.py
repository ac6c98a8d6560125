"""Finished sounds by name: ``/audio`` plays them, ``/audiocache`` also lets browsers keep them.

A name that the server made cannot be guessed and never means another sound. One that a client chose can be, and does.
"""

from __future__ import annotations

import asyncio
import mimetypes

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from server.api.errors import Refused
from server.api.state import troupe_of
from server.api.visit import Visit
from server.audio.formats import FORMATS
from server.errors import NotFound
from server.speech.store import is_secret

router = APIRouter(tags=["Sound files"])

_TYPES = {entry.extension: entry.media_type for entry in FORMATS.values()} | {
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt",
}
_WEEK = "public, max-age=604800"


@router.head("/audio/{name}", include_in_schema=False)
@router.get("/audio/{name}")
async def get_audio_file(name: str, request: Request) -> FileResponse:
    """A file that a request has made. ``Range`` is answered."""
    return await _file(request, name)


@router.head("/audiocache/{name}", include_in_schema=False)
@router.get("/audiocache/{name}")
async def get_cached_audio_file(name: str, request: Request) -> FileResponse:
    """The same, to be kept for a week where the name never means another sound."""
    response = await _file(request, name)
    if is_secret(name):
        response.headers["Cache-Control"] = _WEEK
    return response


async def _file(request: Request, name: str) -> FileResponse:
    if not is_secret(name):
        _check_may_ask(request)
    path = await asyncio.to_thread(troupe_of(request).audio.find, name)
    if path is None:
        raise NotFound("There is no such sound (or it was pruned).", code="file_not_found")
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0]
    headers = {"X-Content-Type-Options": "nosniff"}
    if media_type is None:
        headers["Content-Disposition"] = "attachment"
    if not is_secret(name):
        headers["Cache-Control"] = "private, no-cache"  # the next request may write another sound under the name
    return FileResponse(path, media_type=media_type, headers=headers)


def _check_may_ask(request: Request) -> None:
    """The gate lets anybody fetch sounds, since names are secrets; these are none."""
    if not request.state.trusted:
        raise Refused(
            401,
            "A client chose the name of this sound, so it is fetched with the key, as 'Authorization: Bearer KEY'.",
            headers={"www-authenticate": "Bearer"},
        )
    visit = Visit.of(request.scope)
    if visit.one("origin") is None and visit.one("sec-fetch-site") == "cross-site":
        raise Refused(403, "Pages of other sites may not play sounds whose names were chosen by clients.")
