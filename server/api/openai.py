"""OpenAI's speech routes, and the lists their clients ask for."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from server.api.schemas import Json, SpeechBody
from server.api.state import troupe_of
from server.api.until import unless_gone
from server.audio.formats import FORMATS
from server.engines.table import is_installed
from server.errors import InvalidRequest, NotFound
from server.speech.request import Delivery, SpeechRequest
from server.speech.service import Part, Speech
from server.speech.utf16 import without_lone_surrogates
from server.troupe import Troupe

router = APIRouter(tags=["OpenAI"])

_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")
_CREATED = 1_699_053_241
_TOKENS_A_SECOND = 20
"""What ``usage`` counts for a second of sound; about what OpenAI's own models use."""

_SOUND: Json = {
    "content": {
        media: {"schema": {"type": "string", "format": "binary"}}
        for media in sorted({entry.media_type for entry in FORMATS.values()})
    },
    "description": "The sound, streamed as it is made",
}


@router.post("/v1/audio/speech", responses={200: _SOUND}, response_class=Response)
async def create_speech(body: SpeechBody, request: Request) -> Response:
    """Speak a text. The first bytes leave as soon as the first piece of speech exists."""
    troupe = troupe_of(request)
    speech = await unless_gone(request, troupe.speech.prepare(speech_request(body, troupe)))
    if body.stream_format == "sse":
        events = _events(speech, body)
        return StreamingResponse(events, media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
    headers = {} if speech.content_length is None else {"Content-Length": str(speech.content_length)}
    return StreamingResponse(speech.stream(), media_type=speech.media_type, headers=headers)


def speech_request(body: SpeechBody, troupe: Troupe) -> SpeechRequest:
    """The wire's names turned into ours; raises InvalidRequest for an empty or too long input."""
    settings = troupe.settings.now.openai
    if not body.input:
        raise InvalidRequest(f"input is empty. Send 1 to {settings.max_input} characters.", param="input")
    if len(body.input) > settings.max_input:
        raise InvalidRequest(
            f"input has {len(body.input)} characters; at most {settings.max_input} are accepted.",
            param="input",
            code="string_above_max_length",
        )
    return SpeechRequest(
        text=without_lone_surrogates(body.input),
        delivery=Delivery(voice=body.voice, speed=body.speed),
        language=body.language,
        format=body.response_format or settings.default_format,
        instructions=body.instructions,
        wav_header="streaming" if body.stream_format == "sse" else settings.wav_header,
    )


async def _events(speech: Speech, body: SpeechBody) -> AsyncGenerator[bytes, None]:
    seconds = 0.0
    async with aclosing(speech.parts()) as parts:
        async for part in parts:
            seconds += part.seconds
            if part.data:
                event: Json = {"type": "speech.audio.delta", "audio": base64.b64encode(part.data).decode()}
                yield _event(event)
            if part.words and body.timestamps == "word":
                yield _event({"type": "speech.audio.words", "words": _words(part, body.input)})
    spoken, heard = max(1, len(body.input) // 4), round(seconds * _TOKENS_A_SECOND)
    usage = {"input_tokens": spoken, "output_tokens": heard, "total_tokens": spoken + heard}
    yield _event({"type": "speech.audio.done", "usage": usage})


def _words(part: Part, text: str) -> list[Json]:
    return [
        {
            "word": text[word.source_start : word.source_end],
            "start": round(word.start, 3),
            "end": round(word.end, 3),
            "from": word.source_start,
            "to": word.source_end,
        }
        for word in part.words
    ]


def _event(data: Json) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


@router.get("/v1/models")
async def list_models(request: Request) -> Json:
    """OpenAI's speech models and the engines that are installed. Any name is accepted when speaking; none switches."""
    return {"object": "list", "data": [_model(name) for name in _model_names(troupe_of(request))]}


@router.get("/v1/models/{model:path}")
async def get_model(model: str, request: Request) -> Json:
    """One of the list."""
    if model not in _model_names(troupe_of(request)):
        raise NotFound(f"The model {model!r} does not exist.", code="model_not_found", param="model")
    return _model(model)


@router.get("/v1/audio/models")
async def list_audio_models(request: Request) -> Json:
    """The same names, as Open WebUI asks for them."""
    return {"models": [{"id": name, "name": name} for name in _model_names(troupe_of(request))]}


@router.get("/v1/audio/voices")
async def list_voices(request: Request) -> Json:
    """OpenAI's 13 names first, then the voices of the current engine and the user's own."""
    troupe = troupe_of(request)
    await troupe.engine_answering()
    return {"voices": troupe.voice_list()}


def _model_names(troupe: Troupe) -> list[str]:
    registry = troupe.registry
    return [*_MODELS, *(name for name in registry.names() if is_installed(registry.capabilities(name)))]


def _model(name: str) -> Json:
    return {"id": name, "object": "model", "created": _CREATED, "owned_by": "troupe"}
