"""What a request may call a voice: OpenAI's names, an engine's voice ids, generic names and blends."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from server.errors import InvalidRequest, SpeechError, Unavailable
from server.voices.blend import blend_voice, looks_like_blend, parse_blend
from server.voices.voice import Gender, Voice

CLASSIC_NAMES = ("alloy", "echo", "fable", "onyx", "nova", "shimmer")
OPENAI_NAMES = (*CLASSIC_NAMES, "ash", "ballad", "coral", "sage", "verse", "marin", "cedar")

LISTED_VOICES = 20
"""Voices named in a refusal; a terminal is small and an engine may have hundreds."""

_GENERIC = re.compile(r"(?P<gender>female|male)_(?P<number>\d{1,4})", re.IGNORECASE)


class UnknownVoice(InvalidRequest):
    """No voice is called that; the message lists those that are."""


class Catalogue:
    """The voices of one engine, the user's included, found by what people call them. Immutable.

    Voices of other engines are asked for as ``engine:voice``; ``beside`` gives those engines' catalogues, or raises
    why there is none. An engine's own voices may be called so too.
    """

    def __init__(
        self,
        engine: str,
        voices: Sequence[Voice],
        *,
        blends: bool = False,
        beside: Mapping[str, Callable[[], Catalogue]] | None = None,
    ) -> None:
        self.engine = engine
        self._beside = beside or {}
        self.voices = tuple(voices)
        self.blends = blends
        """True where the engine can mix its voices."""
        self._by_id = {voice.id: voice for voice in self.voices}
        self._by_folded_id = {voice.id.casefold(): voice for voice in reversed(self.voices)}

    def find(self, text: str) -> Voice | None:
        """The engine's voice of that id; case, surrounding blanks and a ``.wav`` suffix are forgiven."""
        text = text.strip()
        engine, name = split_engine(text)
        for wanted in (text, without_wav(text), *((name, without_wav(name)) if engine == self.engine else ())):
            voice = self._by_id.get(wanted) or self._by_folded_id.get(wanted.casefold())
            if voice is not None:
                return voice
        return None

    def called(self, voice: Voice) -> str:
        """What to ask for to hear that voice: its id, with its engine before it where it is of another one."""
        return voice.id if voice.engine == self.engine else f"{voice.engine}:{voice.id}"

    def generic(self, text: str) -> Voice | None:
        """``female_02`` or ``male_01.wav``: the engine's n-th voice of that kind; the count wraps round."""
        match = _GENERIC.fullmatch(without_wav(text.strip()))
        if match is None or int(match["number"]) == 0:
            return None
        gender: Gender = "female" if match["gender"].lower() == "female" else "male"
        return self.nth(gender, int(match["number"]) - 1)

    def nth(self, gender: Gender, index: int, *, otherwise: int | None = None) -> Voice:
        """The voice at ``index`` among those of ``gender``, or among all (at ``otherwise``) without any."""
        # Voices that people add must not change who female_02 is.
        own = [voice for voice in self.voices if voice.kind == "builtin"] or list(self.voices)
        if not own:
            raise Unavailable(
                f"The engine {self.engine} has no voice yet: install one first.", code="no_voices"
            )
        alike = [voice for voice in own if voice.gender == gender]
        if alike:
            return alike[index % len(alike)]
        return own[(index if otherwise is None else otherwise) % len(own)]

    def resolve(self, text: str, *, param: str = "voice") -> Voice:
        """The voice, generic name or blend of that text; InvalidRequest says what is accepted."""
        voice = self.find(text)
        if voice is None and (other := self._other(text, param)) is not None:
            _, name = split_engine(text)
            voice = other.find(name)
            if voice is None and looks_like_blend(without_wav(name)):
                voice = other._blend(name, param)
            if voice is None:
                raise self.unknown(text, param=param)
            return voice
        if voice is None and not looks_like_blend(without_wav(text)):
            voice = self.generic(text)
        if voice is not None:
            return voice
        if looks_like_blend(without_wav(text)):
            return self._blend(text, param)
        raise self.unknown(text, param=param)

    def unknown(self, text: str, *, param: str = "voice", names: Sequence[str] = ()) -> UnknownVoice:
        """The refusal of ``text``, with near matches; ``names`` are listed before the engine's voices."""
        others = self._others()
        meant = others.get(split_engine(text)[0])  # who names an engine is told of that engine's voices alone
        listed = meant or self
        ids = [self.called(voice) for voice in listed.voices]
        names = () if meant else names
        elsewhere = [] if meant else [self.called(voice) for other in others.values() for voice in other.voices]
        near = _near(without_wav(text.strip()), [*names, *ids, *elsewhere])
        hint = f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
        accepted = ", ".join(repr(name) for name in [*names, *ids[:LISTED_VOICES]])
        more = len(ids) - LISTED_VOICES
        rest = f" and {more} more of the engine {listed.engine} (GET /v1/audio/voices)" if more > 0 else ""
        also = f"; voices of {', '.join(others)} as engine:voice" if others and not meant else ""
        return UnknownVoice(
            f"Invalid value: {shown(text)}.{hint} Supported values are: {accepted}{rest}{also}.", param=param
        )

    def _other(self, text: str, param: str) -> Catalogue | None:
        """The catalogue of the engine that ``text`` names; None where it names none."""
        give = self._beside.get(split_engine(text)[0])
        try:
            return give() if give else None
        except InvalidRequest as error:
            raise InvalidRequest(f"Invalid value: {shown(text)}. {error.message}", param=param) from error

    def _others(self) -> dict[str, Catalogue]:
        """Those whose voices are known now."""
        known = {}
        for name, give in self._beside.items():
            with suppress(SpeechError):
                known[name] = give()
        return known

    def _blend(self, text: str, param: str) -> Voice:
        try:
            parts = parse_blend(without_wav(text.strip()), self.find)
            if len(parts) > 1 and not self.blends:
                raise InvalidRequest(f"The engine {self.engine} cannot blend voices.")
            return blend_voice(parts)
        except InvalidRequest as error:
            raise InvalidRequest(f"Invalid value: {shown(text)}. {error.message}", param=param) from error


def voice_text(value: str | Mapping[str, object], *, param: str = "voice") -> str:
    """The text of a wire voice: a string, or OpenAI's ``{"id": "..."}``."""
    text = value.get("id") if isinstance(value, Mapping) and set(value) == {"id"} else value
    if not isinstance(text, str):
        raise InvalidRequest(f'{param} must be a string or an object {{"id": "..."}} alone.', param=param)
    return text


def split_engine(text: str) -> tuple[str, str]:
    """``XTTS:Ana`` is ``("xtts", "Ana")``; the engine is empty where none is named. Ids may have colons too."""
    engine, colon, name = text.strip().partition(":")
    return (engine.strip().casefold(), name.strip()) if colon else ("", text)


def is_generic(text: str) -> bool:
    """True for ``female_01`` and its like."""
    return _GENERIC.fullmatch(without_wav(text.strip())) is not None


def without_wav(text: str) -> str:
    """``text`` without the suffix that AllTalk's clients put behind a voice."""
    return text[:-4].rstrip() if text[-4:].lower() == ".wav" else text


def _near(text: str, names: Sequence[str]) -> list[str]:
    folded = {name.casefold(): name for name in reversed(names)}
    return [folded[name] for name in difflib.get_close_matches(text.casefold(), folded, n=3, cutoff=0.6)]


def shown(text: str) -> str:
    """A value of a request as an error shows it: quoted, escaped, cut."""
    return repr(text if len(text) <= 80 else text[:77] + "...")
