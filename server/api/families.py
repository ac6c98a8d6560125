"""Which shape an error has: decided by the path alone, in this table."""

from __future__ import annotations

from typing import Literal

Family = Literal["openai", "alltalk-generation", "alltalk"]

ALLTALK_GENERATION = frozenset({"/api/tts-generate", "/api/tts-generate-streaming", "/api/previewvoice"})
"""Routes that AllTalk's clients call for speech."""

ALLTALK = frozenset(
    {
        "/api/ready",
        "/api/rvcvoices",
        "/api/currentsettings",
        "/api/reload",
        "/api/enginereload",
        "/api/stop-generation",
        "/api/deepspeed",
        "/api/lowvramsetting",
        "/api/reload_config",
    }
)
"""AllTalk's other routes. ``/api/voices`` is not among them: it is also Troupe's own."""

ALLTALK_PAGES = frozenset(
    {
        "/api/voice2rvc",
        "/api/save-tts-data",
        "/api/trigger-analysis",
        "/api/srt-generation",
        "/settings-json",
        "/update-settings",
    }
)
"""Routes of AllTalk's own pages, which are refused with a word about what to use instead."""

ALLTALK_MEDIA = ("/audio/", "/audiocache/")


def family_of(path: str) -> Family:
    """The family of ``path``; whatever is not AllTalk's has OpenAI's envelope."""
    bare = path.rstrip("/")
    if bare in ALLTALK_GENERATION:
        return "alltalk-generation"
    if bare in ALLTALK or bare in ALLTALK_PAGES or f"{bare}/".startswith(ALLTALK_MEDIA):
        return "alltalk"
    return "openai"
