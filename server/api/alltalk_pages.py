"""Routes behind AllTalk's own pages, which are not here: each says what to use instead.

No client but those pages is known to call them. Some take paths of files on the server, or change it without asking.
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request

from server.api.families import ALLTALK_PAGES
from server.api.unknown import METHODS
from server.errors import NotFound

_GENERATOR = (
    "It belongs to AllTalk's TTS Generator page. The studio's Speak page reads long texts and books into one file"
)
INSTEAD: Mapping[str, str] = {
    "/api/voice2rvc": "Speech is converted while it is made: name the RVC voice in rvccharacter_voice_gen of "
    "/api/tts-generate, or in the studio's Voice conversion",
    "/api/save-tts-data": _GENERATOR,
    "/api/trigger-analysis": _GENERATOR,
    "/api/srt-generation": "POST /api/captions speaks a text and gives the sound with its SRT or WebVTT",
    "/settings-json": "GET /api/currentsettings says what the engine is and can do",
    "/update-settings": "Settings are changed in the studio, or in settings.yaml in TROUPE_HOME",
}

router = APIRouter(include_in_schema=False)


async def not_here(request: Request) -> None:
    """Refuse, and say where to go."""
    path = request.scope["path"]
    raise NotFound(f"AllTalk's {path} is not in Troupe. {INSTEAD[path]}.", code="not_in_troupe")


for _path in sorted(ALLTALK_PAGES):
    router.add_api_route(_path, not_here, methods=list(METHODS))
