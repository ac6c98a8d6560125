"""Moves in from AllTalk TTS v2: copies what Troupe can use, and says what it left and why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from server.conversion.rvc.files import RvcFolder
from server.conversion.rvc.installed import rvc_is_installed
from server.conversion.rvc.settings import DISABLED
from server.engines.coqui.xtts import Xtts
from server.engines.piper_voices import PACKAGED, VoiceFile, found
from server.engines.table import is_installed
from server.errors import ConfigError, Conflict, SpeechError
from server.migration.alltalk_folder import RELEASE, AllTalkFolder, Clips, voice_name
from server.settings import check_user_setting, load_settings, where, write_user_setting
from server.speech.voices import clean_clips
from server.voices.alltalk_names import plain_rvc
from server.voices.library import Library
from server.voices.names import OPENAI_NAMES, Catalogue
from server.voices.voicemap import VoiceMap

XTTS, PIPER = "xtts", "piper"
_XTTS_FILES = ("config.json", "model.pth", "vocab.json", "speakers_xtts.pth")
_OPTIONAL = ("speakers_xtts.pth",)
_UNFINISHED = ".part"


class MoveIn:
    """One import, step by step. Whatever is there already stays as it is, so that it can be repeated."""

    def __init__(self, source: AllTalkFolder, home: Path, say: Callable[[str], None], *, dry_run: bool) -> None:
        self._source = source
        self._home = home
        self._say = say
        self._dry = dry_run
        self._library = Library(home / "voices")
        self._left = list(source.left)
        self._coming: dict[str, set[str]] = {XTTS: set(), PIPER: set()}
        """Voices by engine that this run makes, a dry one too: it tells what the map would become."""

    def run(self, agreed: Callable[[int], bool]) -> int:
        """Everything; ``agreed`` says whether so many people consent to being cloned. The number of things left."""
        self._clone(agreed)
        self._bring_rvc()
        self._bring_piper()
        self._bring_xtts()
        self._map_names()
        self._set_conversion()
        for what, why in self._left:
            self._say(f"left    {what}: {why}")
        return len(self._left)

    # Clones

    def _clone(self, agreed: Callable[[int], bool]) -> None:
        there = {voice.id.casefold() for voice in self._library.voices(XTTS)}
        new = [clips for clips in self._source.clips if clips.name.casefold() not in there]
        for clips in self._source.clips:
            if clips not in new:
                self._say(f"there   voice {clips.name}")
        if not new:
            return
        if not self._dry and not agreed(len(new)):
            self._left += [(clips.called, "nobody said that the speaker agrees") for clips in new]
            return
        for clips in new:
            self._clone_one(clips)
        if not is_installed(Xtts.capabilities):
            self._say(
                "note    No engine that clones is installed yet: the voices wait for XTTS v2. Install it with: "
                "python3 -m server install xtts --accept-licence"
            )

    def _clone_one(self, clips: Clips) -> None:
        coming = self._coming[XTTS]
        try:
            catalogue = self._catalogue(XTTS)
            if clips.name.casefold() in coming:
                raise Conflict(f"another voice is called {clips.name} already")
            voice_id = self._library.check_new(clips.name, catalogue, len(coming) if self._dry else 0)
            # A dry run cleans too: what cannot be used is better known before.
            cleaned, notes = clean_clips([file.read_bytes() for file in clips.files])
            if not self._dry:
                self._library.add_clone(clips.name, cleaned, catalogue, languages=Xtts.capabilities.languages)
        except SpeechError as error:
            self._left.append((clips.called, error.message))
            return
        except OSError as error:
            self._left.append((clips.called, f"cannot be read or kept: {error}"))
            return
        coming.add(voice_id.casefold())
        self._say(" ".join([f"voice   {voice_id} (from {clips.called})", *dict.fromkeys(notes)]))

    # Files that go into a folder

    def _bring_rvc(self) -> None:
        for file in self._source.rvc:
            self._copy("RVC", file, self._home / "rvc" / file.relative_to(self._source.rvc_folder))

    def _bring_piper(self) -> None:
        for model in self._source.piper:
            settings = model.with_name(f"{model.name}.json")
            if model.stem == PACKAGED:
                self._say(f"there   Piper {model.stem}")
            elif not settings.is_file():
                self._left.append((model.name, f"its settings, {settings.name}, do not lie beside it"))
            elif (voices := _piper_voices(model, settings)) is None:
                self._left.append((model.name, f"{settings.name} cannot be read"))
            else:
                folder = self._home / "models" / PIPER
                self._copy("Piper", settings, folder / settings.name)  # a model without settings would be no voice
                self._copy("Piper", model, folder / model.name)
                self._coming[PIPER] |= voices

    def _bring_xtts(self) -> None:
        for folder in self._source.xtts:
            missing = [
                name for name in _XTTS_FILES if name not in _OPTIONAL and not (folder / name).is_file()
            ]
            if RELEASE.fullmatch(folder.name):
                self._left.append(
                    (f"models/xtts/{folder.name}", "the published model; Troupe fetches the one that it has checked")
                )
            elif missing:
                self._left.append((f"models/xtts/{folder.name}", f"it lacks {', '.join(missing)}"))
            else:
                for name in sorted(_XTTS_FILES, key=lambda name: name == "config.json"):  # which makes it a model
                    if (folder / name).is_file():
                        self._copy("XTTS", folder / name, self._home / "models" / XTTS / folder.name / name)

    def _copy(self, kind: str, file: Path, goal: Path) -> None:
        size = file.stat().st_size
        shown = goal.relative_to(self._home).as_posix()
        if goal.is_file():
            if goal.stat().st_size == size:
                self._say(f"there   {kind} {shown}")
            else:
                self._left.append((file.name, f"another file is in its place, {goal}"))
            return
        if not self._dry:
            unfinished = goal.with_name(goal.name + _UNFINISHED)
            try:
                goal.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, unfinished)
                unfinished.replace(goal)
            except OSError as error:
                with suppress(OSError):
                    unfinished.unlink()
                self._left.append((file.name, f"cannot be copied to {goal}: {error.strerror or error}"))
                return
        self._say(f"{kind:<7} {shown} ({size / 1e6:.0f} MB)")

    # Choices

    def _map_names(self) -> None:
        voice_map = VoiceMap(self._home / "voicemap.yaml")
        for engine, chosen in self._source.maps.items():
            if engine not in (XTTS, PIPER):
                self._left.append((f"OpenAI's names of {engine}", "Troupe's engines have other voices"))
                continue
            try:
                self._map_names_of(engine, chosen, voice_map)
            except (SpeechError, OSError) as error:
                self._left.append((f"OpenAI's names of {engine}", str(error)))

    def _map_names_of(self, engine: str, chosen: Mapping[str, str], voice_map: VoiceMap) -> None:
        catalogue = self._catalogue(engine)
        known = {voice.id.casefold() for voice in catalogue.voices} | (self._coming[engine] if self._dry else set())
        changes: dict[str, str] = {}
        for name, called in chosen.items():
            voice, here = voice_name(called), voice_map.meaning(name, engine)
            if name not in OPENAI_NAMES:
                self._left.append((f"{engine}: {name} = {called}", "not one of OpenAI's names"))
            elif voice.casefold() not in known:
                self._left.append((f"{engine}: {name} = {called}", "there is no such voice here"))
            elif here != name:
                self._say(f"there   {engine}: {name} = {here}")
            else:
                changes[name] = voice
        if changes and not self._dry:
            voice_map.put(catalogue, changes)
        for name, voice in changes.items():
            self._say(f"name    {engine}: {name} = {voice}")

    def _set_conversion(self) -> None:
        wish = self._source.conversion
        if wish.get("rvc_enabled") is not True:
            return
        if not rvc_is_installed():
            self._left.append(
                ("RVC's settings", "RVC is not installed. Install it (python3 -m server install rvc), then repeat this")
            )
            return
        try:
            settings = load_settings({"home": str(self._home)})
        except ConfigError as error:
            self._left.append(("RVC's settings", error.message))
            return
        for key, value in self._conversion_settings(wish):
            if where(settings, key) != "shipped":
                self._say(f"there   {key}")
            else:
                self._set(key, value)

    def _conversion_settings(self, wish: Mapping[str, Any]) -> Iterable[tuple[str, object]]:
        known = {*RvcFolder(self._home / "rvc").choices(), *(file.stem for file in self._source.rvc if self._dry)}
        for key, field in (("character", "rvc_char_model_file"), ("narrator", "rvc_narr_model_file")):
            called = str(wish.get(field) or DISABLED)
            if called != DISABLED and plain_rvc(called) not in known:
                self._left.append((f"{field} = {called}", "there is no such RVC voice here"))
            elif called != DISABLED:
                yield f"rvc.{key}", plain_rvc(called)
        for key, field in (
            ("character_pitch", "pitch"), ("narrator_pitch", "pitch"), ("index_rate", "index_rate"),
            ("protect", "protect"),
        ):  # fmt: skip
            if isinstance(wish.get(field), int | float):
                yield f"rvc.{key}", wish[field]
        yield "rvc.enabled", True

    def _set(self, key: str, value: object) -> None:
        change = check_user_setting if self._dry else write_user_setting
        try:
            change(self._home, key, value)
        except (SpeechError, OSError) as error:
            self._left.append((f"{key} = {value}", str(error)))
            return
        self._say(f"setting {key} = {value}")

    def _catalogue(self, engine: str) -> Catalogue:
        """The voices that can be known without the engine: the user's, and Piper's files."""
        voices = [*self._library.voices(engine)]
        if engine == PIPER:
            voices = [voice for file in found(self._home / "models" / PIPER) for voice in file.voices()] + voices
        return Catalogue(engine, voices)


def _piper_voices(model: Path, settings: Path) -> set[str] | None:
    """As the engine will call them, folded; None where it would not understand the settings."""
    try:
        file = VoiceFile(model.stem, model, json.loads(settings.read_text("utf-8")))
        return {voice.id.casefold() for voice in file.voices()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
