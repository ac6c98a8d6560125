"""The voice map: which voice of each engine speaks for OpenAI's names."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from server.errors import ConfigError, InvalidRequest, RevisionMismatch, Unavailable
from server.files import read_with_backup, stamp_of, write_with_backup
from server.voices.names import OPENAI_NAMES, Catalogue, UnknownVoice, shown, voice_text, without_wav
from server.voices.voice import Gender, Voice

log = logging.getLogger("troupe.voicemap")

HEADER = "# Which voice of each engine speaks for OpenAI's names. Changes are in force at once.\n"

DEFAULTS: Mapping[str, Mapping[str, str]] = {
    "kokoro": {
        "alloy": "af_alloy",
        "echo": "am_echo",
        "fable": "bm_fable",
        "onyx": "am_onyx",
        "nova": "af_nova",
        "shimmer": "af_sky",
        "ash": "am_michael",
        "ballad": "bm_george",
        "coral": "af_bella",
        "sage": "af_sarah",
        "verse": "am_puck",
        "marin": "af_heart",
        "cedar": "am_fenrir",
    }
}
"""Where an engine has voices of like character; elsewhere the names take its voices in order."""

KINDS: Mapping[str, tuple[Gender, int]] = {
    **{name: ("female", n) for n, name in enumerate(("alloy", "nova", "shimmer", "coral", "sage", "marin"))},
    **{
        name: ("male", n)
        for n, name in enumerate(("echo", "fable", "onyx", "ash", "ballad", "verse", "cedar"))
    },
}
"""For each name, how it sounds at OpenAI and its place among those alike."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one name means."""

    set: str | None
    """As somebody has set it; None where the default holds."""
    voice: str | None
    """The voice that speaks, as one asks for it; None where what is set is not there (any more)."""


@dataclass(frozen=True, slots=True)
class EngineMap:
    """The map of one engine as it stands."""

    engine: str
    revision: str
    """Changes with what is set, whoever set it; the ``ETag`` over HTTP."""
    voices: Mapping[str, Entry]
    """All 13 names, the classic six first."""


class VoiceMap:
    """OpenAI name to voice, kept per engine in a file that people may edit; changes act at once."""

    def __init__(self, path: Path, defaults: Mapping[str, Mapping[str, str]] = DEFAULTS) -> None:
        self.path = path
        self._defaults = defaults
        self._lock = threading.Lock()
        self._stamp: object = None
        self._maps: dict[str, dict[str, str]] = {}

    def get(self, catalogue: Catalogue) -> EngineMap:
        """Every name of the catalogue's engine with what is set and who speaks."""
        chosen = self._current().get(catalogue.engine, {})
        return EngineMap(
            engine=catalogue.engine,
            revision=_revision(chosen),
            voices={name: self._entry(name, chosen, catalogue) for name in OPENAI_NAMES},
        )

    def revision(self, engine: str) -> str:
        """As ``get`` has it, for those who only want to know whether anything changed."""
        return _revision(self._current().get(engine, {}))

    def put(
        self, catalogue: Catalogue, changes: Mapping[str, object], if_revision: str | None = None
    ) -> EngineMap:
        """Set (or with None reset) names, all or nothing; returns the map as it then stands.

        Raises InvalidRequest naming each bad entry, RevisionMismatch where ``if_revision`` is not in force.
        """
        with self._lock:
            maps = self._load()
            chosen = dict(maps.get(catalogue.engine, {}))
            if if_revision is not None and if_revision != _revision(chosen):
                raise RevisionMismatch(
                    "The voice map was changed meanwhile: look at it again and repeat the change.",
                    details={"revision": _revision(chosen)},
                )
            for name, text in _checked(changes, catalogue).items():
                if text is None:
                    chosen.pop(name, None)
                else:
                    chosen[name] = text
            self._save({**maps, catalogue.engine: chosen})
        return self.get(catalogue)

    def resolve(
        self, value: str | Mapping[str, object], catalogue: Catalogue, *, param: str = "voice"
    ) -> Voice:
        """The voice that a request means by ``value``; InvalidRequest lists what is accepted."""
        text = voice_text(value, param=param)
        name = without_wav(text.strip()).casefold()
        if name in OPENAI_NAMES:
            return self._named(name, catalogue, param)
        try:
            return catalogue.resolve(text, param=param)
        except UnknownVoice as error:
            raise catalogue.unknown(text, param=param, names=OPENAI_NAMES) from error

    def meaning(self, text: str, engine: str) -> str:
        """What one of OpenAI's names is set to with that engine; everything else, and an unset name, as it is."""
        name = without_wav(text.strip()).casefold()
        return self._current().get(engine, {}).get(name, text) if name in OPENAI_NAMES else text

    def default(self, name: str, catalogue: Catalogue) -> Voice:
        """Who speaks for a name that nobody has set."""
        preferred = self._defaults.get(catalogue.engine, {}).get(name)
        voice = catalogue.find(preferred) if preferred else None
        gender, index = KINDS[name]
        return voice or catalogue.nth(gender, index, otherwise=OPENAI_NAMES.index(name))

    def _named(self, name: str, catalogue: Catalogue, param: str) -> Voice:
        text = self._current().get(catalogue.engine, {}).get(name)
        if text is None:
            return self.default(name, catalogue)
        try:
            return catalogue.resolve(text, param=param)
        except InvalidRequest as error:
            reason = "" if isinstance(error, UnknownVoice) else f" {error.message}"
            raise InvalidRequest(
                f"{name!r} is set to {shown(text)}, which the engine {catalogue.engine} no longer has: "
                f"set it to another voice (PUT /api/openai-voicemap).{reason}",
                param=param,
            ) from error

    def _entry(self, name: str, chosen: Mapping[str, str], catalogue: Catalogue) -> Entry:
        text = chosen.get(name)
        if text is None:
            return Entry(None, self.default(name, catalogue).id)
        try:
            return Entry(text, catalogue.called(catalogue.resolve(text)))
        except (InvalidRequest, Unavailable):
            return Entry(text, None)

    def _current(self) -> dict[str, dict[str, str]]:
        with self._lock:
            return self._load()

    def _load(self) -> dict[str, dict[str, str]]:
        """The maps, read again when somebody has changed the file; one ``stat`` otherwise."""
        stamp = stamp_of(self.path)
        if stamp != self._stamp:
            try:
                self._maps = read_with_backup(self.path, _parse, self._damaged) or {}
            except (OSError, ValueError) as error:
                raise ConfigError(f"{self.path} cannot be read and has no good copy: {error}") from error
            self._stamp = stamp
        return self._maps

    def _save(self, maps: Mapping[str, Mapping[str, str]]) -> None:
        filled = {engine: dict(chosen) for engine, chosen in maps.items() if chosen}
        text = yaml.safe_dump(filled, allow_unicode=True) if filled else ""
        write_with_backup(self.path, HEADER + text)
        self._maps, self._stamp = filled, stamp_of(self.path)

    def _damaged(self, error: Exception) -> None:
        log.warning(
            "%s cannot be read (%s); using its last good copy.", self.path, " ".join(str(error).split())
        )


def _checked(changes: Mapping[str, object], catalogue: Catalogue) -> dict[str, str | None]:
    """What to store for each name; one InvalidRequest about all entries that are wrong."""
    checked: dict[str, str | None] = {}
    wrong: dict[str, str] = {}
    for key, value in changes.items():
        name = key.strip().casefold()
        if name not in OPENAI_NAMES:
            wrong[key] = f"not one of OpenAI's names ({', '.join(OPENAI_NAMES)})"
            continue
        try:
            checked[name] = None if value is None else _storable(value, catalogue)
        except InvalidRequest as error:
            wrong[key] = error.message
    if wrong:
        reasons = " ".join(f"{shown(key)}: {reason.rstrip('.')}." for key, reason in wrong.items())
        raise InvalidRequest(f"Nothing was changed. {reasons}", param=next(iter(wrong))[:80])
    return checked


def _storable(value: object, catalogue: Catalogue) -> str:
    if not isinstance(value, (str, Mapping)):
        raise InvalidRequest(f"expected the name of a voice or null, found {shown(str(value))}")
    text = voice_text(value, param="the voice").strip()
    meant = catalogue.resolve(text)
    voice = catalogue.find(text)
    if meant.engine != catalogue.engine:
        return catalogue.called(meant)
    return voice.id if voice else text  # generic names and blends stay as they were given


def _parse(text: str) -> dict[str, dict[str, str]]:
    try:
        content: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if not isinstance(content, dict | None):
        raise ValueError(f"expected engines and their maps, found {shown(str(content))}")
    maps: dict[str, dict[str, str]] = {}
    for engine, chosen in (content or {}).items():
        if not isinstance(chosen, dict | None):
            raise ValueError(f"expected names and voices under {engine}, found {shown(str(chosen))}")
        # An edited file may hold a name in capitals or one we do not know; only what is ours is used.
        named = {str(name).strip().casefold(): str(voice) for name, voice in (chosen or {}).items() if voice}
        maps[str(engine)] = {name: voice for name, voice in named.items() if name in OPENAI_NAMES}
    return maps


def _revision(chosen: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]
