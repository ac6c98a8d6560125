"""Making voices: the same steps for the API and the studio."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from server.engines.registry import EngineRegistry
from server.errors import InvalidRequest
from server.speech.casting import Casting
from server.voices.library import Library
from server.voices.voice import Gender, Voice


@dataclass(frozen=True, slots=True)
class NewClone:
    """A cloned voice that somebody asks for."""

    name: str
    clips: Sequence[bytes]
    """Files as uploaded."""
    consent: bool
    """The speaker agrees to be cloned."""
    languages: Sequence[str] = ()
    """None: those of the engine."""
    gender: Gender = "neutral"
    transcript: str | None = None


class VoiceMaker:
    """Adds voices to the user's library: blends for the current engine, clones for one that can clone."""

    def __init__(self, registry: EngineRegistry, casting: Casting, library: Library) -> None:
        self._registry = registry
        self._casting = casting
        self._library = library

    def blend(self, name: str, recipe: str) -> Voice:
        """Keep a blend such as ``af_heart(2)+am_onyx(1)`` under a name."""
        return self._library.add_blend(name, recipe, self._casting.catalogue())

    def cloner(self) -> str | None:
        """The engine that clones: the current one, else the first beside it that can; None where none can."""
        engines = (self._registry.current, *self._registry.beside)
        return next((name for name in engines if self._registry.capabilities(name).clones), None)

    async def clone(self, wish: NewClone) -> tuple[Voice, Sequence[str]]:
        """Clean the clips, keep them, let the engine take them in; the voice and what its maker should know."""
        engine = self.cloner()
        if engine is None:
            title = self._registry.capabilities().title
            raise InvalidRequest(f"{title} cannot clone voices.", code="cannot_clone")
        capabilities = self._registry.capabilities(engine)
        if not wish.consent:
            raise InvalidRequest(
                "Cloning needs the consent of the person who speaks: send consent=true when you have it.",
                code="consent_required",
                param="consent",
            )
        if capabilities.needs_transcript and not wish.transcript:
            raise InvalidRequest(
                f"{capabilities.title} needs the words that are said in the clip.", param="transcript"
            )
        cleaned, warnings = await asyncio.to_thread(clean_clips, wish.clips)
        voice = self._library.add_clone(
            wish.name,
            cleaned,
            self._casting.catalogue_of(engine),
            languages=wish.languages or capabilities.languages,
            gender=wish.gender,
            transcript=wish.transcript,
        )
        try:
            await self._registry.prepare(voice)
        except BaseException:  # whoever asked went away, too: nobody is to find a voice that cannot speak
            self._library.delete(voice.engine, voice.id, forever=True)
            raise
        return voice, warnings


def clean_clips(clips: Sequence[bytes]) -> tuple[list[bytes], list[str]]:
    """Recordings as WAV files fit to be cloned, and what their owner should know; raises InvalidRequest."""
    # Imported here: pydub takes a while, and few servers ever clone.
    from server.audio.clips import read_clip
    from server.audio.wav import wav_bytes

    read = [read_clip(clip) for clip in clips]
    return [wav_bytes(clip.samples, clip.rate) for clip in read], [note for clip in read for note in clip.warnings]
