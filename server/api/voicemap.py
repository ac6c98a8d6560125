"""``/api/openai-voicemap``: which voice speaks for OpenAI's names."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Header, Request, Response

from server.api.schemas import Json, revision_of
from server.api.state import troupe_of
from server.errors import InvalidRequest
from server.voices.voicemap import EngineMap

router = APIRouter(tags=["Voices"])

_EXAMPLE = {
    "alloy": "female_01.wav",
    "echo": "female_01.wav",
    "fable": "female_01.wav",
    "nova": "female_01.wav",
    "onyx": "male_01.wav",
    "shimmer": "male_02.wav",
}


@router.get("/api/openai-voicemap")
async def get_voice_map(request: Request, response: Response) -> Json:
    """All 13 names of the current engine: what is set, and the voice that speaks."""
    troupe = troupe_of(request)
    await troupe.engine_answering()
    found = troupe.voice_map.get(troupe.casting.catalogue())
    response.headers["ETag"] = f'"{found.revision}"'
    return _map_json(found)


@router.put("/api/openai-voicemap")
async def put_voice_map(
    request: Request,
    response: Response,
    changes: Annotated[dict[str, object], Body(openapi_examples={"six names": {"value": _EXAMPLE}})],
    if_match: Annotated[str | None, Header()] = None,
) -> Json:
    """Set any of the names; ``null`` resets one. Nothing changes unless all is valid."""
    if not changes:
        raise InvalidRequest('Send at least one name, such as {"nova": "female_01"}.')
    troupe = troupe_of(request)
    await troupe.engine_answering()
    found = troupe.voice_map.put(troupe.casting.catalogue(), changes, revision_of(if_match))
    response.headers["ETag"] = f'"{found.revision}"'
    return {"message": "OpenAI voice mappings updated successfully"}


def _map_json(found: EngineMap) -> Json:
    return {
        "engine": found.engine,
        "revision": found.revision,
        "voices": {name: {"set": entry.set, "voice": entry.voice} for name, entry in found.voices.items()},
    }
