"""``/api/lexicon``: words that are said wrong, and how to say them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Header, Request, Response

from server.api.schemas import Json, revision_of
from server.api.state import troupe_of
from server.errors import InvalidRequest

router = APIRouter(tags=["Lexicon"])

_EXAMPLE = {"entries": {"en": [{"word": "Xanthe", "say": "Zan-thee"}, {"word": "GIF", "say": "/dʒɪf/"}]}}


@router.get("/api/lexicon")
async def get_lexicon(request: Request, response: Response) -> Json:
    """Entries by language; ``*`` holds for all."""
    found = troupe_of(request).scripts.lexicon.to_json()
    response.headers["ETag"] = f'"{found["revision"]}"'
    return found


@router.put("/api/lexicon")
async def put_lexicon(
    request: Request,
    response: Response,
    body: Annotated[dict[str, object], Body(openapi_examples={"two words": {"value": _EXAMPLE}})],
    if_match: Annotated[str | None, Header()] = None,
) -> Json:
    """Replace all entries; in force for the next sentence."""
    if "entries" not in body:
        raise InvalidRequest(
            'Send {"entries": {language: [{"word", "say"}, ...]}}.',
            code="missing_required_parameter",
            param="entries",
        )
    lexicon = troupe_of(request).scripts.lexicon
    lexicon.replace(body["entries"], revision_of(if_match))
    found = lexicon.to_json()
    response.headers["ETag"] = f'"{found["revision"]}"'
    return found
