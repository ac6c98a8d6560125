"""The two ends of an exchange as the gate bounds and marks them: the body coming in, the answer going out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from starlette.types import Message, Receive, Send

from server.api.errors import Refused
from server.patience import within

_DRAIN_SECONDS = 1.0
_CLOSE = {"connection": "close"}
"""What is left of a body nobody reads must not hold the connection."""


class Body:
    """``receive`` with a limit on bytes and on time. Beyond it the application sees the client leave."""

    def __init__(self, receive: Receive, *, most_bytes: int, most_seconds: float) -> None:
        self._receive = receive
        self._most_bytes = most_bytes
        self._most_seconds = most_seconds
        self._deadline: float | None = None
        self._count = 0
        self._whole = False
        self.refusal: Refused | None = None
        """Why the rest was not read."""

    def check_length(self, announced: str | None) -> None:
        """Refuse what is announced as too long before a byte of it is read."""
        if announced is None:
            return
        if not (announced.isascii() and announced.isdigit()):
            self.refusal = Refused(400, "The Content-Length is not a number.")
        elif int(announced[:20]) > self._most_bytes:
            self.refusal = self._too_large()

    async def __call__(self) -> Message:
        """The next message, as the application asks for it."""
        if self.refusal is not None:
            return {"type": "http.disconnect"}
        if self._whole:
            return await self._receive()
        loop = asyncio.get_running_loop()
        if self._deadline is None:
            self._deadline = loop.time() + self._most_seconds
        try:
            message = await within(max(0.0, self._deadline - loop.time()), self._receive())
        except asyncio.TimeoutError:
            seconds = f"{self._most_seconds:g} seconds"
            self.refusal = Refused(408, f"The body did not come within {seconds}.", headers=_CLOSE)
            return {"type": "http.disconnect"}
        if message["type"] == "http.request":
            self._count += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._count > self._most_bytes:
                self.refusal = self._too_large()
                return {"type": "http.disconnect"}
        return message

    async def drain(self) -> None:
        """Throw away what is still coming, for a moment: a client that is busy sending reads no answer."""
        with contextlib.suppress(asyncio.TimeoutError):
            await within(_DRAIN_SECONDS, self._read_on())

    async def _read_on(self) -> None:
        while not self._whole:
            message = await self._receive()
            self._whole = message["type"] != "http.request" or not message.get("more_body", False)

    def _too_large(self) -> Refused:
        megabytes = f"{self._most_bytes / 1e6:g} MB"
        return Refused(413, f"The body is larger than the {megabytes} accepted here.", headers=_CLOSE)


class Answer:
    """``send`` that marks every answer with the gate's headers, in place of any the application set."""

    def __init__(
        self, send: Send, headers: Mapping[str, str], *, muted: Callable[[], bool] = lambda: False
    ) -> None:
        self._send = send
        self._headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        self._muted = muted
        self.started = False
        self.complete = False

    async def __call__(self, message: Message) -> None:
        """Pass a message on; nothing of an application whose request was cut short."""
        if self._muted() and not self.started:
            return
        if message["type"] == "http.response.start":
            self.started = True
            message = {**message, "headers": self._marked(message.get("headers", ()))}
        elif message["type"] == "http.response.body" and not message.get("more_body", False):
            self.complete = True
        await self._send(message)

    def _marked(self, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        ours = {name for name, _ in self._headers} - {b"vary"}  # Vary adds up
        kept = [
            (name, value)
            for name, value in headers
            if name.lower() not in ours and not name.lower().startswith(b"access-control-allow-")
        ]
        return kept + self._headers
