"""What the two files that wire the page have in common."""

from __future__ import annotations

from typing import Any

from .runtime import who_speaks

QUIET: dict[str, Any] = {"show_progress": "hidden", "show_api": False}
FEED: dict[str, Any] = {**QUIET, "concurrency_limit": None, "trigger_mode": "multiple"}
"""For events that last as long as a voice: they must neither wait for each other nor block the next click."""


def chat_name(character: Any, mode: Any) -> str:
    """The name under which choices are kept, from the host's two components."""
    return who_speaks({"character_menu": character, "mode": mode})
