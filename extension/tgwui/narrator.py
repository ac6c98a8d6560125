"""Speaks a growing text through narrations of the server, on threads of its own.

Usually one narration serves one text. When text changes that has been spoken already (another extension
translated it, or what looked like the answer turned out to be thinking), the narration is left and a new one
goes on from the first difference.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..client import Client, ServerError, Stream, Unreachable
from .reply import common_length, utf16_length, utf16_slice
from .segment import Segment

_log = logging.getLogger("troupe")
_PACE = 0.06
"""Seconds between two pushes, so that words are sent in small groups."""
_TRIES = 4
"""Times a broken event stream is opened again."""
_AGAIN = (0.2, 0.5, 1.0)
"""Seconds before what was lost on its way to the server is sent again."""
_FORGOTTEN = 900.0
"""Seconds without a new clip after which nobody is listening any more."""
_TOOL_TIME = 120.0
"""Seconds that a tool called by the model may take before its answer is no longer waited for."""
_CONTEXT = 4000
_TROUBLES = {
    "clip_failed": "A sentence could not be spoken",
    "conversion_failed": "The reply is spoken without its RVC voice",
}


class Listener(Protocol):
    """Who is told what happens; called on the narrator's threads."""

    def clip(self, narration: str, clip: Mapping[str, Any], source: str) -> None: ...
    def trouble(self, message: str) -> None: ...
    def ended(self, *, failed: bool) -> None: ...


@dataclass
class _Narration:
    """One narration on the server."""

    id: str
    text: str
    over: threading.Event = field(default_factory=threading.Event)
    stream: Stream | None = None
    heard: float = field(default_factory=time.monotonic)
    left: bool = False


class Narrator:
    """One text, from its first word to its last clip."""

    def __init__(
        self,
        client: Callable[[], Client],
        opening: Callable[[frozenset[str], frozenset[str]], dict[str, Any]],
        listener: Listener,
        *,
        ready: Callable[[], None] = lambda: None,
    ) -> None:
        self.wake = threading.Event()
        self._client = client
        self._opening = opening
        self._listener = listener
        self._ready = ready
        self._segments: list[Segment] = []
        self._current: _Narration | None = None
        self._cancelled = threading.Event()
        self._broken = False
        self._started = False
        self.tools = False
        """The model may call tools and then go on."""

    def add(self, segment: Segment) -> None:
        self._segments.append(segment)
        self.wake.set()

    def start(self) -> None:
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, name="troupe-narrator", daemon=True).start()

    def cancel(self) -> None:
        """Not one more word; returns at once."""
        if self._cancelled.is_set():
            return
        self._cancelled.set()
        self.wake.set()
        if self._current is not None and not self._current.over.is_set():
            threading.Thread(target=self._leave, args=(self._current,), daemon=True).start()

    def _run(self) -> None:
        try:
            self._ready()
            for segment in self._coming():
                self._speak(segment)
        except ServerError as error:
            if not self._cancelled.is_set():
                self._fail(error.message)
        except Exception:  # noqa: BLE001 - the thread's end; falling silent without a word would look like the reply's end
            _log.exception("Troupe: a reply could not be narrated")
            self._fail("Something went wrong while this was being spoken; the console says more.")
        finally:
            if self._current is not None and not self._current.over.is_set():
                self._leave(self._current)
            self._listener.ended(failed=self._broken)

    def _fail(self, message: str) -> None:
        """It ends here, and what was spoken is not all."""
        self._broken = True
        self._listener.trouble(message)
        self._cancelled.set()
        self.wake.set()

    def _coming(self) -> Iterator[Segment]:
        done = 0
        while not self._cancelled.is_set():
            deadline = time.monotonic() + _TOOL_TIME
            while done == len(self._segments):
                if not self.tools or time.monotonic() > deadline or self._cancelled.wait(0.2):
                    return
            yield self._segments[done]
            done += 1

    def _speak(self, segment: Segment) -> None:
        sent = ""
        begun = 0
        narration: _Narration | None = None
        while not self._cancelled.is_set():
            self.wake.wait(timeout=1.0)
            self.wake.clear()
            text, final = segment.now()
            if narration is None:
                if text.strip():
                    narration = self._open(text, final, segment.reply.previous)
                elif final:
                    return
            elif (text != sent or final) and not self._push(narration, sent[begun:], text[begun:], final):
                begun = common_length(sent, text)
                self._leave(narration)
                narration = None
                if text[begun:].strip():
                    narration = self._open(text[begun:], final, segment.reply.previous + text[:begun])
            sent = text
            if final:
                break
            self._cancelled.wait(_PACE)
        if narration is not None:
            self._wait_for(narration)

    def _open(self, text: str, final: bool, context: str) -> _Narration:
        answer = self._opened({"context": context[-_CONTEXT:], "text": text, "final": final})
        self._current = narration = _Narration(answer["id"], text)
        if self._cancelled.is_set():
            self._leave(narration)
        threading.Thread(target=self._listen, args=(narration,), name="troupe-events", daemon=True).start()
        return narration

    def _opened(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Open; a voice that the engine does not have is left out, so that the default one speaks.

        So is a conversion that is gone; and where the one set on the server is gone too, there is none.
        """
        refused: frozenset[str] = frozenset()
        unconverted: frozenset[str] = frozenset()
        while True:
            opening = self._opening(refused, unconverted)
            try:
                return self._opened_once({**opening, **body})
            except ServerError as error:
                if not error.param.startswith("cast."):
                    raise
                part, _, field = error.param.removeprefix("cast.").rpartition(".")
                if field == "rvc" and part not in unconverted and not opening["cast"].get(part, {}).get("rvc"):
                    unconverted |= {part}
                elif error.param in refused:
                    raise
                else:
                    refused |= {error.param}

    def _opened_once(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._sent(lambda client: client.open_narration(body))

    def _push(self, narration: _Narration, sent: str, text: str, final: bool) -> bool:
        """Send what has changed; False where that has been spoken already."""
        same = common_length(sent, text)
        narration.text = text
        try:
            at = utf16_length(text[:same])
            self._sent(lambda client: client.push(narration.id, at, text[same:], final=final))
        except ServerError as error:
            if error.code == "text_gap":
                self._client().push(narration.id, 0, text, final=final)
            elif error.code == "already_spoken":
                narration.text = sent
                return False
            elif self._cancelled.is_set() or narration.over.is_set():
                return True
            else:
                raise
        return True

    def _sent(self, ask: Callable[[Client], dict[str, Any]]) -> dict[str, Any]:
        """Ask, and again where nothing came back: a push that arrives twice counts once, an unread opening ends."""
        for pause in _AGAIN:
            try:
                return ask(self._client())
            except Unreachable as error:
                if isinstance(error.__cause__, TimeoutError) or self._cancelled.wait(pause):
                    raise
        return ask(self._client())

    def _wait_for(self, narration: _Narration) -> None:
        while not narration.over.wait(5.0) and not self._cancelled.is_set():
            if time.monotonic() - narration.heard > _FORGOTTEN:
                self._leave(narration)

    def _leave(self, narration: _Narration) -> None:
        narration.left = True
        with contextlib.suppress(ServerError):  # it has ended or the server is gone: nothing speaks any more
            self._client().cancel(narration.id)
        if narration.stream is not None:
            narration.stream.close()
        narration.over.set()

    def _listen(self, narration: _Narration) -> None:
        try:
            self._take_events(narration)
        except Exception:  # noqa: BLE001 - whatever it is, a person must not wait for a voice that nobody follows
            _log.exception("Troupe: a reply could not be followed")
            self._fail("A reply could not be spoken; the web UI's console says why.")
        finally:
            narration.over.set()

    def _take_events(self, narration: _Narration) -> None:
        last, tries = 0, 0
        while not narration.over.is_set():
            try:
                narration.stream = stream = self._client().events(narration.id, last)
                for number, name, data in stream.events():
                    last, tries = number, 0
                    self._take(narration, name, data)
                if not narration.over.is_set():
                    raise Unreachable("The server broke off in the middle of a reply.")
            except ServerError as error:
                tries += 1
                if narration.left or self._cancelled.is_set():
                    break
                if tries > _TRIES or error.status:
                    self._fail(error.message)
                    break
                time.sleep(0.3 * tries)

    def _take(self, narration: _Narration, name: str, data: dict[str, Any]) -> None:
        if narration.left or self._cancelled.is_set():
            return
        narration.heard = time.monotonic()
        if name == "clip":
            source = utf16_slice(narration.text, int(data.get("start", 0)), int(data.get("end", 0)))
            self._listener.clip(narration.id, data, source)
        elif name in _TROUBLES:
            error = data.get("error")
            message = error.get("message") if isinstance(error, dict) else None
            self._listener.trouble(f"{_TROUBLES[name]}: {message or 'no reason given'}")
        elif name == "cancelled":
            narration.over.set()
            if data.get("reason") != "deleted":
                raise ServerError("The server has stopped speaking.", status=410)
        elif name == "done":
            narration.over.set()
