"""A speech server that follows docs/narration.md and speaks tones: for the extension's tests, without models.

It answers WAV whatever format is asked (encoders are not in the standard library) and cuts sentences naively.
``mode`` makes it misbehave: ``slow`` (every answer takes seconds), ``erroring`` (500 to everything but /health),
``garbage`` (no JSON at all), ``alien`` (some other program's web server), ``loading`` (not ready yet).

By hand: ``python tests/host/stub_server.py PORT``.
"""

from __future__ import annotations

import io
import json
import math
import re
import secrets
import struct
import sys
import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_SENTENCE = re.compile(r".+?(?:[.!?…]+[\"'”*]*(?=\s)|\n+)", re.DOTALL)
VOICES = [
    {
        "id": "nova",
        "name": "nova",
        "engine": "stub",
        "languages": ["en"],
        "gender": "female",
        "kind": "openai",
    },
    {
        "id": "heart",
        "name": "Heart",
        "engine": "stub",
        "languages": ["en-us"],
        "gender": "female",
        "kind": "builtin",
    },
    {
        "id": "onyx2",
        "name": "Onyx",
        "engine": "stub",
        "languages": ["en-gb"],
        "gender": "male",
        "kind": "builtin",
    },
]


SLOW = 2.0
"""Seconds that a slow server takes to answer anything."""


def units(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


@dataclass
class Narration:
    """A session: text in, events out."""

    id: str
    body: dict[str, Any]
    text: str = ""
    spoken_until: int = 0
    final: bool = False
    state: str = "open"
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    clips: list[bytes] = field(default_factory=list)
    fetched: int = -1
    news: threading.Condition = field(default_factory=threading.Condition)

    def status(self) -> dict[str, Any]:
        return {
            "length": units(self.text),
            "spoken_until": units(self.text[: self.spoken_until]),
            "final": self.final,
        }


class StubServer:
    """Start, look at what was asked, stop."""

    def __init__(self, mode: str = "good", *, port: int = 0, seconds_per_clip: float = 0.05) -> None:
        self.mode = mode
        self.seconds_per_clip = seconds_per_clip
        self.narrations: dict[str, Narration] = {}
        self.requests: list[tuple[str, str, Any]] = []
        self.leases = 0
        self.instance = secrets.token_hex(8)
        self.refused_voices: set[str] = set()
        self.rvc_voices: list[str] = []
        """None while RVC is off."""
        self.rvc_of_all = ""
        """The RVC voice that is set on the server, for whoever has none of their own."""
        self.conversion_fails = False
        """RVC gives up with the first sentence."""
        self.detail = ""
        self.closing = threading.Event()
        stub = self

        class Handler(_Handler):
            server_of = stub

        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def start(self) -> StubServer:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.closing.set()
        for narration in self.narrations.values():
            with narration.news:
                narration.news.notify_all()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def asked(self, method: str, pattern: str) -> list[Any]:
        """Bodies of the requests of that kind so far."""
        return [body for verb, path, body in self.requests if verb == method and re.search(pattern, path)]

    def spoken(self) -> list[str]:
        """The texts of all clips, in order."""
        return [data["text"] for one in self.narrations.values() for name, data in one.events if name == "clip"]


@contextmanager
def running(mode: str = "good", **options: Any) -> Iterator[StubServer]:
    stub = StubServer(mode, **options).start()
    try:
        yield stub
    finally:
        stub.stop()


class _Handler(BaseHTTPRequestHandler):
    server_of: StubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):  # a client may leave whenever it likes
            super().handle()

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        stub = self.server_of
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        stub.requests.append((method, self.path, body))
        try:
            if stub.mode == "slow":
                stub.closing.wait(SLOW)
            if stub.mode in ("garbage", "alien"):
                return self._bytes(200, b"<html>It works!</html>", "text/html")
            if stub.mode == "erroring" and self.path != "/health":
                return self._refuse(500, "synthesis_failed", "The model fell over.")
            self._route(method, self.path.partition("?")[0], body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _route(self, method: str, path: str, body: Any) -> None:
        stub = self.server_of
        match method, path.strip("/").split("/"):
            case "GET", ["health"]:
                state = "loading" if stub.mode == "loading" else "ready"
                self._json(200, {
                    "product": "troupe", "version": "0.0", "api": 1, "instance": stub.instance,
                    "state": state, "engine": "stub", "device": "cpu", "detail": stub.detail,
                })  # fmt: skip
            case "GET", ["api", "lease"]:
                self._lease()
            case "GET", ["v1", "audio", "voices"]:
                self._json(200, {"voices": VOICES})
            case "GET", ["api", "rvcvoices"]:
                self._json(200, {"status": "success", "rvcvoices": ["Disabled", *stub.rvc_voices]})
            case "POST", ["api", "narrations"]:
                self._open(body)
            case "POST", ["api", "narrations", name, "text"] if name in stub.narrations:
                self._push(stub.narrations[name], body)
            case "GET", ["api", "narrations", name, "events"] if name in stub.narrations:
                self._events(stub.narrations[name])
            case "GET", ["api", "narrations", name, "clips", index] if name in stub.narrations:
                self._clip(stub.narrations[name], int(index))
            case "DELETE", ["api", "narrations", name] if name in stub.narrations:
                self._delete(stub.narrations[name])
            case _:
                self._refuse(404, "not_found", f"No {path} here.")

    def _open(self, body: dict[str, Any]) -> None:
        stub = self.server_of
        for part, member in body.get("cast", {}).items():
            if member.get("voice") in stub.refused_voices:
                return self._refuse(400, "invalid_value", "No such voice.", f"cast.{part}.voice")
            rvc = member.get("rvc") or stub.rvc_of_all or "Disabled"
            if stub.rvc_voices and rvc not in ("Disabled", *stub.rvc_voices):
                status = 400 if member.get("rvc") else 404
                return self._refuse(status, "rvc_voice_not_found", "No such RVC voice.", f"cast.{part}.rvc")
        narration = Narration(secrets.token_urlsafe(16), body)
        stub.narrations[narration.id] = narration
        threading.Thread(target=self._speak, args=(stub, narration), daemon=True).start()
        self._change(narration, 0, body.get("text", ""), body.get("final", False))
        base = f"/api/narrations/{narration.id}"
        self._json(201, {
            "id": narration.id, "format": "wav", "media_type": "audio/wav", "url": base,
            "events_url": f"{base}/events", "audio_url": f"{base}/audio", **narration.status(),
        })  # fmt: skip

    def _push(self, narration: Narration, body: dict[str, Any]) -> None:
        refused = self._change(narration, body["offset"], body["text"], body.get("final", False))
        if refused:
            error = {"message": refused, "type": "invalid_request_error", "param": None, "code": refused}
            self._json(409, {"error": error, **narration.status()})
        else:
            self._json(200, narration.status())

    def _change(self, narration: Narration, offset: int, text: str, final: bool) -> str:
        with narration.news:
            held = narration.text.encode("utf-16-le", "surrogatepass")
            if 2 * offset > len(held):
                return "text_gap"
            kept = held[: 2 * offset].decode("utf-16-le", "surrogatepass")
            whole = kept + text
            if narration.text.startswith(whole) and not final:
                return ""
            if narration.final and whole != narration.text:
                return "already_final"
            spoken = narration.text[: narration.spoken_until]
            if not whole.startswith(spoken):
                return "already_spoken"
            narration.text, narration.final = whole, narration.final or final
            narration.news.notify_all()
        return ""

    @staticmethod
    def _speak(stub: StubServer, narration: Narration) -> None:
        """Cut, speak, tell; two clips ahead of the last one fetched."""
        while not stub.closing.is_set():
            with narration.news:
                rest = narration.text[narration.spoken_until :]
                match = _SENTENCE.match(rest)
                cut = match.end() if match else len(rest) if narration.final else 0
                ahead = len(narration.clips) - narration.fetched > 3
                if narration.state != "open":
                    return
                if cut == 0 and narration.final:
                    narration.state = "done"
                    narration.events.append(("done", {"clips": len(narration.clips), "failed": 0, "duration": 1}))
                    narration.news.notify_all()
                    return
                if cut == 0 or ahead:
                    narration.news.wait(0.5)
                    continue
                start, narration.spoken_until = narration.spoken_until, narration.spoken_until + cut
            text = rest[:cut].strip()
            if not re.search(r"\w", text):
                continue
            stub.closing.wait(stub.seconds_per_clip)
            seconds = min(2.0, 0.3 + 0.025 * len(text))
            with narration.news:
                if narration.state != "open":
                    return
                index = len(narration.clips)
                if stub.conversion_fails and not index:
                    error = {"message": "No such RVC voice.", "type": "server_error", "param": None, "code": "x"}
                    narration.events.append(("conversion_failed", {"role": "character", "error": error}))
                narration.clips.append(tone(seconds, 220 + 40 * (index % 5)))
                narration.events.append(("clip", {
                    "index": index, "role": "character", "start": units(narration.text[:start]),
                    "end": units(narration.text[: start + cut]), "text": text, "duration": seconds, "words": [],
                    "url": f"/api/narrations/{narration.id}/clips/{index}",
                }))  # fmt: skip
                narration.news.notify_all()

    def _events(self, narration: Narration) -> None:
        match = re.search(r"after=(\d+)", self.path)
        sent = int(match[1]) if match else int(self.headers.get("Last-Event-ID") or 0)
        self._begin_stream("text/event-stream")
        while not self.server_of.closing.is_set():
            with narration.news:
                if sent >= len(narration.events):
                    if narration.state != "open":
                        break
                    narration.news.wait(1.0)
                fresh = list(enumerate(narration.events[sent:], sent + 1))
            for number, (name, data) in fresh:
                self._piece(f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode())
            sent += len(fresh)
        if not self.server_of.closing.is_set():
            self._piece(b"")
        self.close_connection = True

    def _clip(self, narration: Narration, index: int) -> None:
        if index >= len(narration.clips):
            return self._refuse(404, "not_found", "No such clip.")
        with narration.news:
            narration.fetched = max(narration.fetched, index)
            narration.news.notify_all()
        self._bytes(200, narration.clips[index], "audio/wav")

    def _delete(self, narration: Narration) -> None:
        with narration.news:
            was_open, narration.state = narration.state == "open", "cancelled"
            if was_open:
                narration.events.append(("cancelled", {"reason": "deleted"}))
            narration.news.notify_all()
        self._json(200, {"cancelled": was_open})

    def _lease(self) -> None:
        stub = self.server_of
        stub.leases += 1
        self._begin_stream("text/plain")
        try:
            while not stub.closing.wait(0.2):
                self._piece(b"\n")
        finally:
            stub.leases -= 1
            self.close_connection = True

    def _begin_stream(self, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def _piece(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _json(self, status: int, content: Any) -> None:
        self._bytes(status, json.dumps(content).encode(), "application/json")

    def _refuse(self, status: int, code: str, message: str, param: str | None = None) -> None:
        error = {"message": message, "type": "server_error", "param": param, "code": code}
        self._json(status, {"error": error})

    def _bytes(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def tone(seconds: float, hertz: float, rate: int = 16000) -> bytes:
    """A quiet sine as a WAV file."""
    samples = [round(3000 * math.sin(2 * math.pi * hertz * n / rate)) for n in range(int(seconds * rate))]
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


if __name__ == "__main__":
    with running(port=int(sys.argv[1]), seconds_per_clip=0.3) as server:
        sys.stdout.write(f"{server.address}\n")
        sys.stdout.flush()
        while True:
            time.sleep(3600)
