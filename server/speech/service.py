"""From a request to bytes: ``prepare`` refuses what can be refused, its result streams.

The first sound exists before ``prepare`` returns, so that a model that fails is an error with a status and not
an empty success.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass

from server.audio.encoders import Encoder, make_encoder
from server.audio.formats import AudioFormat, parse_format
from server.speech.casting import Casting
from server.speech.lane import Turn
from server.speech.metrics import Metrics
from server.speech.offload import worked_on
from server.speech.rendition import Line, SpokenWord
from server.speech.request import Delivery, SpeechRequest
from server.speech.scheduler import Scheduler
from server.speech.scripts import Scripts
from server.speech.speaker import Speaker
from server.speech.take import Take
from server.text.options import Markup
from server.text.piece import Piece
from server.text.pipeline import SpokenPiece
from server.text.roles import CHARACTER, RoleRules

SHORT_TEXT = 200
"""Characters up to which a text is cut at once, and a WAV made whole first, so that its header tells its length."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of the stream, and the words that can be heard in them."""

    data: bytes
    words: tuple[SpokenWord, ...] = ()
    seconds: float = 0.0
    """Length of the sound that went in."""
    line: Line | None = None
    """The last line that can be heard in them, where one is."""


class Speech:
    """A prepared speech: its first bytes are there. Iterate ``parts`` once, or ``close`` it."""

    def __init__(self, media_type: str, parts: AsyncGenerator[Part, None], first: Part, whole: bool) -> None:
        self.media_type = media_type
        self.content_length = len(first.data) if whole else None
        """Known when all of it was made first."""
        self._first = first
        self._parts = parts

    async def parts(self) -> AsyncGenerator[Part, None]:
        """The parts in order. Leaving the generator stops the engine inside the sentence."""
        async with aclosing(self._parts):
            yield self._first
            async for part in self._parts:
                yield part

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The bytes alone."""
        async with aclosing(self.parts()) as parts:
            async for part in parts:
                if part.data:
                    yield part.data

    async def close(self) -> None:
        """Stop without having listened."""
        await self._parts.aclose()


class SpeechService:
    """Speaks requests, all of one voice or a list of lines."""

    def __init__(
        self, scheduler: Scheduler, speaker: Speaker, casting: Casting, scripts: Scripts, metrics: Metrics
    ) -> None:
        self.scheduler = scheduler
        self.casting = casting
        self._speaker = speaker
        self._scripts = scripts
        self._metrics = metrics

    async def prepare(self, request: SpeechRequest, *, load_timeout: float = 10.0) -> Speech:
        """Everything up to the first bytes; raises SpeechError with what was wrong."""
        audio_format = parse_format(request.format)
        await self.casting.ready([request.delivery], load_timeout)
        rendition = self.casting.rendition(request.delivery, request.language, request.text)
        exact = request.wav_header == "exact" or (
            request.wav_header == "auto" and len(request.text) <= SHORT_TEXT
        )
        # Before the text is worked on: a refusal is to come at once.
        turn = self.scheduler.admit([rendition.voice.engine])
        try:
            pieces = await self._pieces(request, rendition.language)
            lines = [Line(piece, rendition) for piece in pieces]
            return await self.prepare_lines(lines, audio_format, whole=exact and audio_format.name == "wav", turn=turn)
        except BaseException:
            turn.close()
            raise

    async def lines(
        self,
        text: str,
        cast: Mapping[str, Delivery],
        rules: RoleRules,
        *,
        language: str | None = None,
        markup: Markup = "raw",
        load_timeout: float = 10.0,
    ) -> list[Line]:
        """A whole text cut by role, each part with its voice; ``character`` stands in for roles not in the cast."""
        await self.casting.ready(cast.values(), load_timeout)
        renditions = {
            role: self.casting.rendition(delivery, language, text, param=role) for role, delivery in cast.items()
        }
        languages = {role: rendition.language for role, rendition in renditions.items()}

        def cut() -> list[SpokenPiece]:
            pipeline = self._scripts.push(languages, markup, rules)
            return [*pipeline.add(text), *pipeline.finish()]

        spoken = await asyncio.to_thread(cut)
        return [Line(each.piece, renditions.get(each.role, renditions[CHARACTER])) for each in spoken]

    async def prepare_lines(
        self,
        lines: Sequence[Line],
        audio_format: AudioFormat,
        *,
        whole: bool = False,
        turn: Turn | None = None,
        owner: str = "",
    ) -> Speech:
        """Speak lines of any voices as one stream; ``whole`` makes all of it before returning.

        Without a ``turn`` it is admitted here, as the owner's.
        """
        rate = self._rate(lines)
        encoder = make_encoder(audio_format, rate, wav_header="exact" if whole else "streaming")
        engines = {line.rendition.voice.engine for line in lines}
        parts = self._parts(lines, encoder, rate, turn or self.scheduler.admit(engines, owner=owner))
        words: list[SpokenWord] = []
        data, seconds, line = bytearray(), 0.0, None
        try:
            async for part in parts:
                data += part.data
                words += part.words
                seconds += part.seconds
                line = part.line or line
                if data and not whole:
                    break
        except BaseException:
            await parts.aclose()
            raise
        return Speech(encoder.media_type, parts, Part(bytes(data), tuple(words), seconds, line), whole)

    async def _pieces(self, request: SpeechRequest, language: str) -> list[Piece]:
        if len(request.text) <= SHORT_TEXT:  # half a millisecond; a thread costs as much again
            return self._scripts.pieces(request.text, language, plain=request.plain)
        return await asyncio.to_thread(self._scripts.pieces, request.text, language, plain=request.plain)

    def _rate(self, lines: Sequence[Line]) -> int:
        """One rate for all of a response: that of the engine with the highest, so that none of them loses anything."""
        engines = {line.rendition.voice.engine for line in lines} or {self.scheduler.registry.current}
        return max(self.scheduler.registry.capabilities(engine).sample_rate for engine in engines)

    async def _parts(
        self, lines: Sequence[Line], encoder: Encoder, rate: int, turn: Turn
    ) -> AsyncGenerator[Part, None]:
        with closing(turn), self._metrics.request() as watch:
            take = Take(self._speaker, turn, lines, rate)
            async with aclosing(take.sounds()) as sounds:
                async for sound in sounds:
                    watch.sound(sound.chunk.seconds)
                    data = await worked_on(sound.chunk, encoder.encode)
                    yield Part(data, sound.words, sound.chunk.seconds, sound.line)
            yield Part(await asyncio.to_thread(encoder.flush))
            watch.finished(turn.work)


async def collect(stream: AsyncIterator[bytes]) -> bytes:
    """All of a stream."""
    return b"".join([data async for data in stream])
