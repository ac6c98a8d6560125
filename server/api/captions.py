"""``POST /api/captions``: a sound file and its captions, of the same take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace

from fastapi import APIRouter, Request

from server.api.openai import speech_request
from server.api.schemas import CaptionsBody, Json
from server.api.state import troupe_of
from server.api.until import unless_gone
from server.audio.formats import parse_format
from server.errors import InvalidRequest
from server.speech.captions import srt, vtt
from server.speech.rendition import SpokenWord
from server.speech.request import Delivery
from server.speech.store import secret_name
from server.troupe import ENGINE_WAIT

router = APIRouter(tags=["Captions"])

_WRITERS: Mapping[str, Callable[[str, Sequence[SpokenWord]], str]] = {"srt": srt, "vtt": vtt}


@router.post("/api/captions")
async def make_captions(body: CaptionsBody, request: Request) -> Json:
    """Speak a text whole; returns where the sound and its captions are."""
    return await unless_gone(request, _make(body, request))


async def _make(body: CaptionsBody, request: Request) -> Json:
    troupe = troupe_of(request)
    await troupe.casting.ready([Delivery(body.voice)], ENGINE_WAIT)
    # It is made whole, so a WAV of any length can tell it.
    wanted = replace(speech_request(body, troupe), wav_header="exact")
    engine = troupe.casting.voice(body.voice).engine
    if not troupe.registry.capabilities(engine).word_times:
        raise InvalidRequest(
            f"The engine {engine} does not know when words are heard. Use kokoro for captions.",
            code="no_word_times",
        )
    speech = await troupe.speech.prepare(wanted)
    data = bytearray()
    words: list[SpokenWord] = []
    async with aclosing(speech.parts()) as parts:
        async for part in parts:
            data += part.data
            words += part.words
    stem = secret_name()
    sound, captions = stem + parse_format(wanted.format).extension, f"{stem}.{body.captions}"

    def save() -> None:
        troupe.audio.save(sound, bytes(data))
        troupe.audio.save(captions, _WRITERS[body.captions](wanted.text, words).encode())

    await asyncio.to_thread(save)
    return {"audio_url": f"/audio/{sound}", "captions_url": f"/audio/{captions}"}
