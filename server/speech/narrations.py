"""The narrations of a server: opened within limits, found by id, ended with the server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from server.audio.formats import parse_format
from server.errors import NotFound, Overloaded
from server.settings import Settings
from server.speech.language import AUTO, guess_language
from server.speech.narration import Narration
from server.speech.narration_clips import Plan, Surroundings
from server.speech.narration_text import NarrationText, OpenPipeline
from server.speech.request import Delivery
from server.speech.scripts import Scripts
from server.text.options import Markup
from server.text.pipeline import PushPipeline
from server.text.roles import CHARACTER, RoleRules

_LOAD_TIMEOUT = 10.0
"""Seconds that opening waits for an engine that is loading."""
_REMEMBERED = 256
"""Ended narrations whose clips can still be fetched."""


@dataclass(frozen=True, slots=True)
class NarrationRequest:
    """What ``POST /api/narrations`` asks for, in our own words."""

    cast: Mapping[str, Delivery] = field(default_factory=dict)
    rules: RoleRules = field(default_factory=RoleRules)
    changes: Mapping[str, object] = field(default_factory=dict)
    """Switches of the text pipeline that differ from the settings."""
    language: str | None = None
    format: str = "mp3"
    markup: Markup = "raw"
    context: str = ""


class Narrations:
    """All sessions, open and ended."""

    def __init__(self, around: Surroundings, scripts: Scripts, settings: Callable[[], Settings]) -> None:
        self._around = around
        self._scripts = scripts
        self._settings = settings
        self._all: dict[str, Narration] = {}

    @property
    def open(self) -> Sequence[Narration]:
        """Those that still speak or wait for text."""
        return [narration for narration in self._all.values() if narration.state == "open"]

    async def start(self, request: NarrationRequest) -> Narration:
        """Open one; raises InvalidRequest for a cast that cannot be, Overloaded when there are too many."""
        self._refuse_one_too_many()
        audio_format = parse_format(request.format)
        await self._around.casting.ready(request.cast.values(), _LOAD_TIMEOUT)
        for role, delivery in request.cast.items():
            self._around.casting.rendition(
                delivery, request.language, param=f"cast.{role}.voice", rvc_param=f"cast.{role}.rvc"
            )
        self._refuse_one_too_many()  # others may have come while an engine was waited for
        settings = self._settings().narration
        narration = Narration(
            secrets.token_urlsafe(16),
            Plan(
                request.cast, audio_format, request.language, ahead=settings.ahead, idle_seconds=settings.idle_seconds
            ),
            NarrationText(self._opener(request), settings.max_text),
            self._around,
        )
        self._all[narration.id] = narration
        self._forget_old()
        return narration

    def find(self, narration_id: str) -> Narration:
        """The narration of that id; NotFound otherwise."""
        narration = self._all.get(narration_id)
        if narration is None:
            raise NotFound("There is no such narration (or it ended long ago).", code="narration_not_found")
        return narration

    async def close(self) -> None:
        """The server ends: tell every listener."""
        for narration in self.open:
            await narration.cancel("shutdown")

    def _refuse_one_too_many(self) -> None:
        most = self._settings().narration.max_sessions
        if len(self.open) >= most:
            raise Overloaded(f"{most} narrations are open already.", code="too_many_narrations", retry_after=5)

    def _opener(self, request: NarrationRequest) -> OpenPipeline:
        casting, cast = self._around.casting, request.cast
        known = {role: casting.languages(each) for role, each in cast.items()}

        def guess(role: str, text: str) -> str | None:
            return guess_language(text, known.get(role, known[CHARACTER]))

        def open_pipeline(spoken: str, coming: str) -> PushPipeline:
            context = request.context + spoken
            text = context + coming
            languages = {role: casting.language(each, request.language, text) for role, each in cast.items()}
            guessing = guess if request.language == AUTO else None
            return self._scripts.push(languages, request.markup, request.rules, context, request.changes, guessing)

        return open_pipeline

    def _forget_old(self) -> None:
        ended = [key for key, narration in self._all.items() if narration.state != "open"]
        for key in ended[: max(0, len(ended) - _REMEMBERED)]:
            del self._all[key]
