"""A narration: text goes in while it is being written, spoken clips come out in order (docs/narration.md)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from server.audio.encoders import make_encoder
from server.audio.formats import AudioFormat
from server.errors import NotFound, SpeechError
from server.speech.clip import PCM_RATE, Clip, read_samples
from server.speech.narration_clips import Made, NarrationClips, Plan, Surroundings
from server.speech.narration_text import NarrationText
from server.speech.signal import RateLimit, Signal

log = logging.getLogger("troupe.narration")

State = Literal["open", "done", "cancelled"]
EventName = Literal["clip", "clip_failed", "conversion_failed", "done", "cancelled"]
_USUAL_SECONDS = 3.0
"""What a clip that is being made is taken to last."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something a listener is told."""

    id: int
    name: EventName
    data: Mapping[str, Any]


class Narration:
    """One session; lives on the event loop."""

    def __init__(self, narration_id: str, plan: Plan, text: NarrationText, around: Surroundings) -> None:
        self.id = narration_id
        self.plan = plan
        self.text = text
        self.state: State = "open"
        self.failed = 0
        self.duration = 0.0
        self._clips = NarrationClips(narration_id, plan, around, self._tell_unconverted)
        self._made: list[Made] = []
        self._events: list[Event] = []
        self._fetched = 0
        """Clips that listeners have fetched, counted from the first."""
        self._in_work = 0
        self._listening = 0
        self._seen = _now()
        self._rate = RateLimit(per_second=100, burst=200)
        self._pushing = asyncio.Lock()
        self._changed = Signal()
        self._tasks = [asyncio.create_task(self._run()), asyncio.create_task(self._end_when_unread())]

    @property
    def clips(self) -> int:
        """Clips so far, failed ones included."""
        return len(self._made)

    async def push(self, offset: int, text: str, final: bool) -> None:
        """Take in text at ``offset`` (UTF-16 code units); Conflict says what the client must know."""
        self._rate.take()
        self._seen = _now()
        try:
            async with self._pushing:
                await self.text.push(offset, text, final, is_open=self.state == "open")
        finally:
            self._changed.fire()  # also where it was refused: what waits may have been put aside meanwhile

    async def events(self, after: int = 0, beat: float = 10.0) -> AsyncGenerator[Event | None, None]:
        """Events from the one behind ``after``; None every ``beat`` seconds without any; ends with the session."""
        with self._listener():
            while True:
                while after < len(self._events):
                    yield self._events[after]
                    after += 1
                if self.state != "open":
                    return
                if not await self._changed.wait(beat):
                    yield None

    def clip(self, index: int) -> Clip:
        """A finished clip; NotFound before its event, for a failed one and once it was pruned."""
        made = self._made[index] if 0 <= index < len(self._made) else None
        if made is None or made.clip is None or not made.clip.path.exists():
            raise NotFound(f"There is no clip {index} in this narration.", code="clip_not_found")
        self._fetch(index)
        return made.clip

    async def audio(self, audio_format: AudioFormat, first: int = 0) -> AsyncGenerator[bytes, None]:
        """All clips from ``first`` on as one stream that grows with them; Cancelled is raised when it is cut."""
        encoder = make_encoder(audio_format, PCM_RATE)
        index = first
        with self._listener():
            while True:
                while index < len(self._made):
                    clip = self._made[index].clip
                    if clip is not None:
                        chunk = await asyncio.to_thread(read_samples, clip)
                        yield await asyncio.to_thread(encoder.encode, chunk)
                    self._fetch(index)
                    index += 1
                if self.state == "cancelled":
                    raise NotFound("The narration was cancelled.", code="cancelled")
                if self.state == "done":
                    break
                await self._changed.wait()
        yield await asyncio.to_thread(encoder.flush)

    async def cancel(self, reason: str) -> bool:
        """Stop inside the sentence; False when it had ended before."""
        if self.state != "open":
            return False
        self._end("cancelled", {"reason": reason})
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.gather(*(t for t in self._tasks if t is not asyncio.current_task()), return_exceptions=True)
        return True

    # Speaking

    async def _run(self) -> None:
        """Dispatch parts and report them in order."""
        making: asyncio.Queue[asyncio.Task[Made] | None] = asyncio.Queue(maxsize=self._clips.width)
        dispatcher = asyncio.create_task(self._dispatch(making))
        task: asyncio.Task[Made] | None = None
        try:
            while (task := await making.get()) is not None:
                self._report(await task)
            self._end("done", {"clips": self.clips, "failed": self.failed, "duration": round(self.duration, 3)})
        except Exception:
            log.exception("narration failed")
            self._end("cancelled", {"reason": "failed"})
        finally:
            dispatcher.cancel()
            left: list[asyncio.Task[Any]] = [dispatcher, *([task] if task else [])]
            while not making.empty():
                left += [waiting] if (waiting := making.get_nowait()) else []
            for each in left:
                each.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _dispatch(self, making: asyncio.Queue[asyncio.Task[Made] | None]) -> None:
        index = 0
        while True:
            while self.text.waiting and self._near_enough(index):
                part = self.text.take()
                self._in_work += 1
                await making.put(asyncio.create_task(self._clips.make(part, index)))
                index += 1
            if self.text.final and not self.text.waiting:
                await making.put(None)
                return
            await self._changed.wait()

    def _near_enough(self, dispatched: int) -> bool:
        """Whether the listener is near enough for another clip to be made."""
        unheard = self._made[self._fetched :]
        seconds = sum(made.clip.duration for made in unheard if made.clip)
        seconds += self._in_work * _USUAL_SECONDS
        return seconds < self.plan.ahead or dispatched - self._fetched < 2

    def _report(self, made: Made) -> None:
        part, clip = made.part, made.clip
        self._in_work -= 1
        data: dict[str, Any] = {"index": self.clips, "role": part.role, "start": part.start, "end": part.end}
        self._made.append(made)
        if clip is None:
            error = made.error or SpeechError("")
            self.failed += 1
            log.warning("clip %d of a narration failed: %s", data["index"], error.message)
            data["error"] = error
            self._tell("clip_failed", data)
            return
        self.duration += clip.duration
        data |= {
            "text": part.piece.text,
            "duration": round(clip.duration, 3),
            "words": [
                {
                    "start": round(word.start, 3),
                    "end": round(word.end, 3),
                    "from": self.text.units(part.base + word.source_start),
                    "to": self.text.units(part.base + word.source_end),
                }
                for word in clip.words
            ],
            "url": f"/api/narrations/{self.id}/clips/{data['index']}",
        }
        self._tell("clip", data)

    def _tell_unconverted(self, role: str, error: SpeechError) -> None:
        if self.state == "open":
            self._tell("conversion_failed", {"role": role, "error": error})

    # Listening

    @contextmanager
    def _listener(self) -> Iterator[None]:
        self._listening += 1
        try:
            yield
        finally:
            self._listening -= 1
            self._seen = _now()

    def _fetch(self, index: int) -> None:
        self._seen = _now()
        if index >= self._fetched:
            self._fetched = index + 1
            self._changed.fire()

    async def _end_when_unread(self) -> None:
        while self.state == "open":
            left = self.plan.idle_seconds - (_now() - self._seen)
            if left <= 0 and not self._listening:
                await self.cancel("unread")
                return
            await asyncio.sleep(max(left, 0.5))

    def _tell(self, name: EventName, data: Mapping[str, Any]) -> None:
        self._events.append(Event(len(self._events) + 1, name, data))
        self._changed.fire()

    def _end(self, state: Literal["done", "cancelled"], data: Mapping[str, Any]) -> None:
        if self.state == "open":
            self.state = state
            self.text.close()
            self._tell(state, data)


def _now() -> float:
    return asyncio.get_running_loop().time()


