"""The server's voices as a person reads them in a list."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..client import Client, ServerError

DEFAULT = "default"
"""What a list holds for "no choice"; an empty value would be shown as nothing chosen."""
DISABLED = "Disabled"
"""What the server calls no conversion, whatever is set for the voice."""
_FRESH = 3.0
"""Seconds for which a list is good, so that opening four menus asks once."""
_LANGUAGES = {
    "en": "English",
    "en-us": "English (US)",
    "en-gb": "English (UK)",
    "es": "Spanish",
    "fr": "French",
    "fr-fr": "French",
    "hi": "Hindi",
    "it": "Italian",
    "ja": "Japanese",
    "pt": "Portuguese",
    "pt-br": "Portuguese (Brazil)",
    "zh": "Chinese",
    "zh-cn": "Chinese",
    "de": "German",
    "nl": "Dutch",
    "pl": "Polish",
    "ru": "Russian",
}

Options = list[tuple[str, str]]


class VoiceList:
    """Asked for when somebody looks, kept for a moment."""

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client
        self._asked = -_FRESH
        self._voices: list[dict[str, Any]] = []
        self._rvc: list[str] = []

    def refresh(self) -> None:
        if time.monotonic() - self._asked < _FRESH:
            return
        try:
            client = self._client()
            self._voices = client.voices()
            self._rvc = [name for name in client.rvc_voices() if name != DISABLED]
            self._asked = time.monotonic()
        except ServerError:
            pass  # what was known before is still the best guess; the status line says what is wrong

    def options(self, default: str, *further: str) -> Options:
        """Names and values; ``further`` are values that are in use and must stay choosable."""
        # OpenAI's names stand for one of the voices; whoever looks for a voice wants those themselves first.
        voices = sorted(self._voices, key=lambda voice: voice.get("kind") == "openai")
        found = [(label(voice), str(voice["id"])) for voice in voices]
        known = {value for _, value in found}
        extra = [(f"{value} (blend)" if "(" in value else value, value) for value in further]
        return [(default, DEFAULT), *found, *(item for item in extra if item[1] and item[1] not in known)]

    def chosen(self, value: Any, default: str, before: str) -> str:
        """From a value of ``options(default, before)`` to a choice.

        A list that takes typed text, too, takes its own label for that when a person leaves it as it was.
        """
        text = str(value or "").strip()
        meant = [name for shown, name in self.options(default, before) if shown == text]
        return before if before in meant else chosen(meant[0] if meant else text)

    def own(self) -> Options:
        """Voices of the engine itself: only these can be mixed."""
        mixable = [v for v in self._voices if v.get("kind") not in ("openai", "blend") and not _is_elsewhere(v)]
        return [(label(voice), str(voice["id"])) for voice in mixable]

    def rvc(self, default: str, *further: str) -> Options:
        """As ``options``, for voices to convert to."""
        names = [*self._rvc, *(name for name in further if name and name not in (*self._rvc, DISABLED))]
        return [(default, DEFAULT), (DISABLED, DISABLED), *((name, name) for name in names)]

    @property
    def has_rvc(self) -> bool:
        """The server has RVC switched on, and voices for it."""
        return bool(self._rvc)


def _is_elsewhere(voice: dict[str, Any]) -> bool:
    """Whether it is a voice of another engine than the one that speaks: those are called ``engine:voice``."""
    return str(voice["id"]).startswith(f"{voice.get('engine')}:")


def label(voice: dict[str, Any]) -> str:
    """``Heart · English (US) · female``."""
    name = str(voice.get("name") or voice["id"])
    if voice.get("kind") == "openai":
        return f"{name} (OpenAI name)"
    tags = voice.get("languages")
    tag = str(tags[0]).lower() if isinstance(tags, list) and tags else ""
    kind = {"blend": "blend", "clone": "cloned"}.get(str(voice.get("kind")), "")
    gender = str(voice.get("gender") or "")
    parts = [name, _LANGUAGES.get(tag, tag), "" if gender == "neutral" else gender, kind]
    return " · ".join(part for part in parts if part)


def chosen(value: Any) -> str:
    """From a list's value to a choice."""
    text = str(value or "").strip()
    return "" if text == DEFAULT else text


def shown(choice: str) -> str:
    """From a choice to a list's value."""
    return choice or DEFAULT


def blend(one: str, other: str, share: float) -> str:
    """``af_heart(7)+am_onyx(3)``: the second voice's share in percent, in tenths as far as that is exact."""
    second = max(0, min(100, round(share)))
    first = 100 - second
    if not one or not other or one == other or second == 0:
        return one or other
    if first == 0:
        return other
    step = 10 if second % 10 == 0 else 5 if second % 5 == 0 else 1
    return f"{one}({first // step})+{other}({second // step})"
