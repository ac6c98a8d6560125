"""The user's own voices: blends and clones in TROUPE_HOME/voices/<engine>/, and settings for any voice."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from server.errors import ConfigError, Conflict, InvalidRequest, NotFound
from server.files import is_device_name, read_with_backup, stamp_of, write_atomically, write_with_backup
from server.voices.manifest import Manifest, VoiceSettings, dump_manifest, parse_manifest
from server.voices.names import OPENAI_NAMES, Catalogue, is_generic, shown, without_wav
from server.voices.voice import Gender, Voice

log = logging.getLogger("troupe.library")

TRASH_SECONDS = 7 * 24 * 3600.0
"""How long a deleted voice can be brought back."""

MOST_VOICES = 500
"""The user's voices for one engine."""

_NAME = re.compile(r"[\w .\-()]{1,80}")


class Library:
    """Voices that people made. Their ids are keys of a list in memory and never parts of a path.

    An id is given once, from the first name: renaming changes what people read, so that whoever has chosen
    the voice keeps it.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._lock = threading.RLock()
        self._shelves: dict[str, _Shelf] = {}

    def voices(self, engine: str) -> Sequence[Voice]:
        """The user's voices of an engine, oldest first; those whose clips are gone are left out."""
        return self._shelf(engine).voices

    def deleted(self, engine: str) -> Sequence[Voice]:
        """Voices that can still be brought back, the latest first."""
        return [voice for voice, _ in reversed([*self._kept(self._shelf(engine).manifest).trash.values()])]

    def revision(self, engine: str) -> str:
        """Changes with whatever the library knows of an engine."""
        return self._shelf(engine).revision

    def settings(self, engine: str, voice_id: str) -> VoiceSettings:
        """What is set for one voice, the engine's own voices included."""
        return self._shelf(engine).manifest.settings.get(voice_id, VoiceSettings())

    def conversions(self, engine: str) -> list[str]:
        """The RVC voices that are set for voices of an engine."""
        return [row.rvc for row in self._shelf(engine).manifest.settings.values() if row.rvc]

    def check_new(self, name: str, catalogue: Catalogue, coming: int = 0) -> str:
        """The id that a new voice would get, after ``coming`` others; raises what adding it would raise."""
        voice_id = free_id(name, catalogue)
        _refuse_one_too_many(self._writable(catalogue.engine), voice_id, coming)
        return voice_id

    def add_blend(self, name: str, blend: str, catalogue: Catalogue) -> Voice:
        """Keep ``af_heart(2)+am_onyx(1)`` under a name of its own."""
        mixed = catalogue.resolve(blend, param="blend")
        if not mixed.blend:
            raise InvalidRequest(f"{shown(blend)} is not a blend: name two voices at least.", param="blend")
        if mixed.engine != catalogue.engine:
            raise InvalidRequest(f"Only voices of {catalogue.engine} can be kept as a blend now.", param="blend")
        voice_id = free_id(name, catalogue)
        return self._add(replace(mixed, id=voice_id, name=voice_id), catalogue.engine)

    def add_clone(
        self,
        name: str,
        clips: Sequence[bytes],
        catalogue: Catalogue,
        *,
        languages: Sequence[str] = ("en",),
        gender: Gender = "neutral",
        transcript: str | None = None,
    ) -> Voice:
        """Keep a voice given by clips (WAV files, cleaned already) under a name of its own."""
        if not clips:
            raise InvalidRequest("A cloned voice needs a clip of it.", param="clip")
        voice_id = free_id(name, catalogue)
        names = [f"{hashlib.sha256(clip).hexdigest()}.wav" for clip in clips]
        paths = [self._clips(catalogue.engine) / name for name in names]
        voice = Voice(
            id=voice_id,
            engine=catalogue.engine,
            name=voice_id,
            languages=tuple(languages),
            gender=gender,
            licence="consent of the speaker",
            kind="clone",
            clips=tuple(str(path) for path in paths),
            transcript=transcript,
        )
        with self._lock:  # or another change could sweep away clips that no voice has yet
            for path, clip in zip(paths, clips, strict=True):
                write_atomically(path, clip)
            return self._add(voice, catalogue.engine)

    def rename(self, engine: str, voice_id: str, name: str) -> Voice:
        """Change what people read; the id stays."""
        with self._lock:
            manifest = self._writable(engine)
            voice = replace(_found(manifest, voice_id), name=checked_name(name))
            self._save(engine, replace(manifest, voices={**manifest.voices, voice.id: voice}))
        return voice

    def set_settings(self, engine: str, voice_id: str, settings: VoiceSettings) -> None:
        """Set speed and conversion of a voice, the engine's own included; an empty one removes them."""
        with self._lock:
            manifest = self._writable(engine)
            rows = {**manifest.settings, voice_id: settings}
            if settings == VoiceSettings():
                del rows[voice_id]
            self._save(engine, replace(manifest, settings=rows))

    def delete(self, engine: str, voice_id: str, *, forever: bool = False) -> None:
        """Put a voice into the trash, from where ``restore`` brings it back for some days."""
        with self._lock:
            manifest = self._writable(engine)
            voice = _found(manifest, voice_id)
            voices = {key: other for key, other in manifest.voices.items() if key != voice.id}
            trash = {key: row for key, row in manifest.trash.items() if key != voice.id}
            if not forever:
                trash[voice.id] = (voice, self._clock())
            self._save(engine, replace(manifest, voices=voices, trash=trash))

    def restore(self, engine: str, voice_id: str) -> Voice:
        """Bring a deleted voice back."""
        with self._lock:
            manifest = self._kept(self._writable(engine))
            if voice_id not in manifest.trash:
                raise NotFound(f"There is no deleted voice {shown(voice_id)}.", param="voice")
            if voice_id in manifest.voices:
                raise Conflict(
                    f"There is another voice {shown(voice_id)} by now.", code="voice_exists", param="voice"
                )
            voice, _ = manifest.trash[voice_id]
            trash = {key: row for key, row in manifest.trash.items() if key != voice_id}
            self._save(engine, replace(manifest, voices={**manifest.voices, voice_id: voice}, trash=trash))
        return voice

    def _add(self, voice: Voice, engine: str) -> Voice:
        with self._lock:
            manifest = self._writable(engine)
            _refuse_one_too_many(manifest, voice.id)
            self._save(engine, replace(manifest, voices={**manifest.voices, voice.id: voice}))
        log.info("new %s voice %s for %s", voice.kind, ascii(voice.id), engine)
        return voice

    def _clips(self, engine: str) -> Path:
        return self._folder / engine / "clips"

    def _path(self, engine: str) -> Path:
        return self._folder / engine / "voices.yaml"

    def _shelf(self, engine: str) -> _Shelf:
        """What is known of an engine, read again when somebody has changed the file."""
        path = self._path(engine)
        with self._lock:
            stamp = stamp_of(path)
            shelf = self._shelves.get(engine)
            if shelf is None or shelf.stamp != stamp:
                shelf = self._shelves[engine] = self._read(engine, path)
            return shelf

    def _read(self, engine: str, path: Path) -> _Shelf:
        def damaged(error: Exception) -> None:
            log.warning(
                "%s cannot be read (%s); using its last good copy.", path, " ".join(str(error).split())
            )

        try:
            manifest = read_with_backup(
                path, lambda text: parse_manifest(text, engine, self._clips(engine)), damaged
            )
        except (OSError, ValueError) as error:
            # The engine's own voices go on speaking; what is in the file must not be written over.
            log.error("%s cannot be read and has no good copy: %s", path, " ".join(str(error).split()))
            return _Shelf(Manifest(), (), "damaged", stamp_of(path), damaged=True)
        return self._shelf_of(path, manifest or Manifest())

    def _shelf_of(self, path: Path, manifest: Manifest) -> _Shelf:
        voices = []
        for voice in manifest.voices.values():
            if all(Path(clip).is_file() for clip in voice.clips):
                voices.append(voice)
            else:
                log.warning("the voice %s of %s has lost its clip", ascii(voice.id), voice.engine)
        revision = hashlib.sha256(dump_manifest(manifest).encode()).hexdigest()[:16]
        return _Shelf(manifest, tuple(voices), revision, stamp_of(path))

    def _writable(self, engine: str) -> Manifest:
        shelf = self._shelf(engine)
        if shelf.damaged:
            raise ConfigError(f"{self._path(engine)} cannot be read: mend it or move it away.")
        return shelf.manifest

    def _save(self, engine: str, manifest: Manifest) -> None:
        kept = self._kept(manifest)
        path = self._path(engine)
        write_with_backup(path, dump_manifest(kept))
        self._shelves[engine] = self._shelf_of(path, kept)
        self._sweep_clips(engine, kept)

    def _kept(self, manifest: Manifest) -> Manifest:
        """Without what has lain in the trash for too long."""
        oldest = self._clock() - TRASH_SECONDS
        return replace(manifest, trash={key: row for key, row in manifest.trash.items() if row[1] > oldest})

    def _sweep_clips(self, engine: str, manifest: Manifest) -> None:
        """Delete clips that no voice has any more; two voices may share one."""
        voices = [*manifest.voices.values(), *(voice for voice, _ in manifest.trash.values())]
        used = {Path(clip).name for voice in voices for clip in voice.clips}
        for clip in self._clips(engine).glob("*.wav"):
            if clip.name not in used:
                with suppress(OSError):  # in use on Windows; the next sweep takes it
                    clip.unlink()


@dataclass(frozen=True, slots=True)
class _Shelf:
    manifest: Manifest
    voices: tuple[Voice, ...]
    revision: str
    stamp: object
    damaged: bool = False


def checked_name(name: str) -> str:
    """A name as it may be kept: letters, digits, blanks and ``. - _ ( )``; raises InvalidRequest."""
    tidy = unicodedata.normalize("NFC", name).strip()
    if not _NAME.fullmatch(tidy) or tidy.startswith(".") or is_device_name(tidy):
        raise InvalidRequest(
            f"A voice cannot be called {shown(name)}: use 1 to 80 letters, digits, blanks, dots, dashes and "
            "round brackets, no dot at the beginning and no name of a Windows device.",
            param="name",
        )
    return tidy


def free_id(name: str, catalogue: Catalogue) -> str:
    """``name`` as the id of a new voice; raises where it means something already."""
    tidy = checked_name(name)
    if catalogue.find(tidy) or tidy.casefold() in OPENAI_NAMES or is_generic(tidy):
        raise _taken(tidy)
    if without_wav(tidy) != tidy:
        raise InvalidRequest(
            "A voice's name cannot end in .wav: requests may add that to any name.", param="name"
        )
    return tidy


def _refuse_one_too_many(manifest: Manifest, voice_id: str, coming: int = 0) -> None:
    if any(voice_id.casefold() == other.casefold() for other in manifest.voices):
        raise _taken(voice_id)
    if len(manifest.voices) + coming >= MOST_VOICES:
        raise Conflict(f"There are {MOST_VOICES} voices already: delete some first.", code="too_many_voices")


def _found(manifest: Manifest, voice_id: str) -> Voice:
    voice = manifest.voices.get(voice_id)
    if voice is None:
        raise NotFound(f"There is no voice {shown(voice_id)} of your own.", param="voice")
    return voice


def _taken(name: str) -> Conflict:
    return Conflict(
        f"There is a voice {shown(name)} already: choose another name.", code="voice_exists", param="name"
    )
