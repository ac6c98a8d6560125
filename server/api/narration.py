"""Narrations over HTTP: docs/narration.md, route by route."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from server.api.errors import error_body
from server.api.schemas import CastMember, Json, NarrationBody, TextBody
from server.api.state import troupe_of
from server.audio.formats import parse_format
from server.errors import NotFound, SpeechError
from server.settings import Settings
from server.speech.narration import Event, Narration
from server.speech.narrations import NarrationRequest
from server.speech.request import Delivery
from server.text.roles import CHARACTER, NARRATOR, RoleRules

router = APIRouter(prefix="/api/narrations", tags=["Narration"])

_SWITCHES: dict[str, dict[str, object]] = {
    "code": {"code": "skip", "inline_code": "skip"},
    "reasoning": {"reasoning": "skip"},
    "urls": {"urls": "skip"},
    "emoji": {"emoji": "skip"},
}
"""What each word of ``skip`` means to the text pipeline; actions and speech are the roles' matter."""


@router.post("", status_code=201)
async def open_narration(body: NarrationBody, request: Request) -> Json:
    """Open a session."""
    troupe = troupe_of(request)
    await troupe.engine_answering()
    narration = await troupe.narrations.start(_request(body, troupe.settings.now))
    if body.text or body.final:
        try:
            await narration.push(0, body.text, body.final)
        except SpeechError:
            await narration.cancel("refused")
            raise
    return {
        "id": narration.id,
        "format": narration.plan.format.name,
        "media_type": narration.plan.format.media_type,
        "url": f"{router.prefix}/{narration.id}",
        "events_url": f"{router.prefix}/{narration.id}/events",
        "audio_url": f"{router.prefix}/{narration.id}/audio",
        **_progress(narration),
    }


@router.post("/{narration_id}/text")
async def push_text(narration_id: str, body: TextBody, request: Request) -> Json:
    """Append, repeat or replace text."""
    narration = troupe_of(request).narrations.find(narration_id)
    await narration.push(body.offset, body.text, body.final)
    return _progress(narration)


@router.get("/{narration_id}/events")
async def listen(
    narration_id: str,
    request: Request,
    last_event_id: Annotated[str, Header(max_length=20)] = "",
    after: Annotated[int, Query(ge=0)] = 0,
) -> StreamingResponse:
    """Server-sent events, from the one behind ``Last-Event-ID`` (or ``after``)."""
    narration = troupe_of(request).narrations.find(narration_id)
    return StreamingResponse(
        _event_lines(narration, max(int(last_event_id) if last_event_id.isdecimal() else 0, after)),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


@router.head("/{narration_id}/clips/{index}", include_in_schema=False)
@router.get("/{narration_id}/clips/{index}")
async def get_clip(narration_id: str, index: int, request: Request) -> Response:
    """One finished clip."""
    narration = troupe_of(request).narrations.find(narration_id)
    clip = narration.clip(index)
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return FileResponse(clip.path, media_type=narration.plan.format.media_type, headers=headers)


@router.get("/{narration_id}/audio")
async def get_audio(
    narration_id: str,
    request: Request,
    audio_format: Annotated[str | None, Query(alias="format", max_length=40)] = None,
    first: Annotated[int, Query(alias="from", ge=0)] = 0,
) -> StreamingResponse:
    """All clips as one stream that goes on while they are made."""
    narration = troupe_of(request).narrations.find(narration_id)
    wanted = parse_format(audio_format) if audio_format else narration.plan.format
    if narration.state == "cancelled":
        raise NotFound("The narration was cancelled.", code="cancelled")
    return StreamingResponse(narration.audio(wanted, first), media_type=wanted.media_type)


@router.get("/{narration_id}")
async def get_narration(narration_id: str, request: Request) -> Json:
    """How far it is."""
    narration = troupe_of(request).narrations.find(narration_id)
    return {
        "id": narration.id,
        "state": narration.state,
        "format": narration.plan.format.name,
        **_progress(narration),
        "clips": narration.clips,
        "failed": narration.failed,
        "duration": round(narration.duration, 3),
    }


@router.delete("/{narration_id}")
async def cancel_narration(narration_id: str, request: Request) -> Json:
    """Stop inside the sentence."""
    return {"cancelled": await troupe_of(request).narrations.find(narration_id).cancel("deleted")}


def _request(body: NarrationBody, settings: Settings) -> NarrationRequest:
    character = body.cast.get(CHARACTER, CastMember())
    voice = character.voice or settings.narration.voice
    cast = {role: _delivery(role, member, voice) for role, member in body.cast.items()}
    cast.setdefault(CHARACTER, _delivery(CHARACTER, character, voice))
    changes: dict[str, object] = {}
    for word in body.skip or []:
        changes |= _SWITCHES.get(word, {})
    return NarrationRequest(
        cast=cast,
        rules=RoleRules(
            unmarked=body.unmarked or settings.narration.unmarked,
            skip=frozenset({"actions", "speech"} & set(body.skip or [])),
            speaker=body.speaker,
        ),
        changes=changes,
        language=body.language,
        format=body.format,
        markup=body.markup,
        context=body.context,
    )


def _delivery(role: str, member: CastMember, voice: str) -> Delivery:
    return Delivery(
        voice=member.voice or voice,
        speed=member.speed,
        pitch=member.pitch,
        volume=member.volume,
        rvc=member.rvc,
        rvc_pitch=member.rvc_pitch,
        rvc_role="narrator" if role == NARRATOR else "character",
    )


def _progress(narration: Narration) -> Json:
    text = narration.text
    return {"length": text.length, "spoken_until": text.spoken_until, "final": text.final}


async def _event_lines(narration: Narration, after: int) -> AsyncGenerator[bytes, None]:
    async with aclosing(narration.events(after)) as events:
        async for event in events:
            yield b": listening\n\n" if event is None else _lines(event)


def _lines(event: Event) -> bytes:
    data = dict(event.data)
    if isinstance(error := data.get("error"), SpeechError):
        data["error"] = error_body("/api/narrations", 200, error)["error"]
    return f"id: {event.id}\nevent: {event.name}\ndata: {json.dumps(data)}\n\n".encode()


