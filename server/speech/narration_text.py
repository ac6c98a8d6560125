"""The text of a narration: pushed at offsets, repeated, replaced, and cut into parts that wait to be spoken."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from server.errors import Conflict, InvalidRequest
from server.speech.utf16 import Utf16Text
from server.text.piece import Piece
from server.text.pipeline import PushPipeline, SpokenPiece

OpenPipeline = Callable[[str, str], PushPipeline]
"""From the text before, already spoken, and the beginning of what follows, to a pipeline for it."""
_CONTEXT = 20_000
"""Code points before the spoken text that are looked at for open quotes and asterisks; they end with paragraphs."""
_SMALL = 200
"""Characters that are cut into pieces at once; more goes to a thread, to keep the event loop free."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece with its role and its place in the whole text."""

    role: str
    piece: Piece
    base: int
    """Code points before the text that the piece counts from."""
    start: int
    end: int
    """UTF-16 code units of the whole text."""
    language: str
    """What it was read in."""


class NarrationText:
    """Offsets of the wire are UTF-16 code units; a repeated or lost push neither doubles nor drops a word."""

    def __init__(self, open_pipeline: OpenPipeline, max_units: int) -> None:
        self.final = False
        self.waiting: deque[SpokenPiece] = deque()
        """Cut, but not being spoken yet: these can still change."""
        self._open_pipeline = open_pipeline
        self._max_units = max_units
        self._text = Utf16Text()
        self._pipeline: PushPipeline | None = None
        self._base = 0
        """Code points before the text that the pipeline has been given."""
        self._taken = 0
        """Code points that are spoken or being made."""

    @property
    def length(self) -> int:
        """Length in UTF-16 code units."""
        return self._text.units

    @property
    def spoken_until(self) -> int:
        """UTF-16 offset up to which the text cannot change any more."""
        return self._text.to_units(self._taken)

    def units(self, point: int) -> int:
        """UTF-16 offset of a code point."""
        return self._text.to_units(point)

    def take(self) -> Part:
        """The next part, which from now on cannot change."""
        spoken = self.waiting.popleft()
        piece, base = spoken.piece, self._base
        self._taken = max(self._taken, base + piece.end)
        start, end = self.units(base + piece.start), self.units(base + piece.end)
        return Part(spoken.role, piece, base, start, end, spoken.language)

    def close(self) -> None:
        """Nothing more comes, or is spoken: keep the text, forget how it was being cut."""
        self.waiting.clear()
        self._pipeline = None

    async def push(self, offset: int, text: str, final: bool, *, is_open: bool = True) -> None:
        """Append, repeat or replace; raises Conflict, with what is held, where that cannot be done.

        What is refused, also by ``open_pipeline``, changes nothing: the client sends it again.
        """
        if offset > self.length:
            raise self._conflict("text_gap", f"The text ends at {self.length}: a push before {offset} was lost.")
        if offset + _units(text) > self._max_units:
            raise InvalidRequest(
                f"The text of a narration is limited to {self._max_units} characters.",
                code="text_too_long",
                param="text",
            )
        end = offset + _units(text)
        same = _common_prefix(self._text.slice(offset, end), text)
        rest = text[len(same) :]
        if rest:
            await self._append(offset + _units(same), rest, is_open)
        if final and not self.final and is_open:
            if end < self.length:  # the text has become shorter than what was pushed before
                await self._cut(end)
            self.waiting.extend(self._pipeline.finish() if self._pipeline else ())
            self.final = True

    async def _append(self, at: int, text: str, is_open: bool) -> None:
        if self.final:
            raise self._conflict("already_final", "The text of this narration was declared final.")
        if not is_open:
            raise self._conflict("not_open", "This narration has ended.")
        if at < self.length:
            await self._cut(at)
        added = self._text.append(text)
        if self._pipeline is None:
            try:
                self._pipeline = await asyncio.to_thread(self._open_pipeline, "", added)
            except BaseException:
                self._text.cut(at)
                raise
        if len(added) > _SMALL:
            self.waiting.extend(await asyncio.to_thread(self._pipeline.add, added))
        else:
            self.waiting.extend(self._pipeline.add(added))

    async def _cut(self, at: int) -> None:
        """Forget the text from ``at`` on: what is not being spoken is cut into pieces anew."""
        if at < self.spoken_until:
            raise self._conflict("already_spoken", f"The text up to {self.spoken_until} is already being spoken.")
        rest, waiting = self._text.slice(at, self.length), [*self.waiting]
        self._text.cut(at)
        self.waiting.clear()  # nothing is taken meanwhile, so that what is spoken stays where it is
        whole, base = self._text.text, self._taken
        try:
            self._pipeline, pieces = await asyncio.to_thread(self._begin_anew, whole, base)
        except BaseException:
            self._text.append(rest)
            self.waiting.extend(waiting)
            raise
        self._base = base
        self.waiting.extend(pieces)

    def _begin_anew(self, whole: str, base: int) -> tuple[PushPipeline, list[SpokenPiece]]:
        pipeline = self._open_pipeline(whole[max(0, base - _CONTEXT) : base], whole[base:])
        return pipeline, pipeline.add(whole[base:])

    def _conflict(self, code: str, message: str) -> Conflict:
        held = {"length": self.length, "spoken_until": self.spoken_until, "final": self.final}
        return Conflict(message, code=code, param="offset", details=dict(held))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _common_prefix(one: str, other: str) -> str:
    length = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return other[:length]
