"""The one place that talks to the server: plain requests, event streams and the lease, standard library only."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

DEFAULT_ADDRESS = "http://127.0.0.1:7851"
API = 1
"""Version of the server's interface that this extension speaks."""


class ServerError(Exception):
    """The server did not do what was asked; ``message`` is for people."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        param: str = "",
        body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.body = body or {}


class Unreachable(ServerError):
    """Nothing answered, or the connection broke."""


class BadAddress(ServerError):
    """What was given as the server's address is none."""


@dataclass(frozen=True)
class Client:
    """Requests to one server; a fresh connection each, so that any thread may use it."""

    address: str = DEFAULT_ADDRESS
    key: str = ""
    timeout: float = 15.0
    """Seconds without an answer before giving up."""

    def health(self) -> dict[str, Any]:
        """Who is there: an empty answer where it is not a Troupe server."""
        try:
            answer = self._json("GET", "/health", timeout=3.0)
        except (Unreachable, BadAddress):
            raise
        except ServerError:
            return {}
        return answer if answer.get("product") == "troupe" else {}

    def voices(self) -> list[dict[str, Any]]:
        return [voice for voice in _list(self._json("GET", "/v1/audio/voices"), "voices") if voice.get("id")]

    def rvc_voices(self) -> list[str]:
        return [str(name) for name in self._json("GET", "/api/rvcvoices").get("rvcvoices", [])]

    def open_narration(self, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._json("POST", "/api/narrations", body)
        if not isinstance(answer.get("id"), str):
            raise ServerError("The server opened no narration.")
        return answer

    def push(self, narration: str, offset: int, text: str, *, final: bool) -> dict[str, Any]:
        body = {"offset": offset, "text": text, "final": final}
        return self._json("POST", f"/api/narrations/{quote(narration)}/text", body)

    def cancel(self, narration: str) -> None:
        self._json("DELETE", f"/api/narrations/{quote(narration)}")

    def events(self, narration: str, after: int = 0) -> Stream:
        """Server-sent events; the server sends a comment every 10 s, so 35 s of silence is a dead connection."""
        return self.stream(f"/api/narrations/{quote(narration)}/events?after={after}", timeout=35.0)

    def lease(self) -> Stream:
        """Endless, with a beat every 10 s: while it is open, a server started by a host keeps running."""
        return self.stream("/api/lease", timeout=35.0)

    def clip(self, narration: str, index: int, headers: Mapping[str, str] | None = None) -> Stream:
        return self.stream(f"/api/narrations/{quote(narration)}/clips/{index}", headers=headers)

    def stream(self, path: str, *, timeout: float | None = 15.0, headers: Mapping[str, str] | None = None) -> Stream:
        """An answer that is read piece by piece; statuses of 400 and above raise, except 416."""
        connection = self._connection(timeout)
        try:
            connection.request("GET", self._path(path), headers=self._headers(headers))
            # The answer takes the socket over; closing from another thread needs a handle of our own.
            wire = connection.sock
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Unreachable(_why(error, self.address)) from error
        if response.status >= 400 and response.status != 416:
            try:
                raise _refusal(response.status, response.read(65536))
            finally:
                Stream(response, connection, wire).close()
        return Stream(response, connection, wire)

    def _json(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, timeout: float | None = None
    ) -> dict[str, Any]:
        connection = self._connection(timeout or self.timeout)
        headers = self._headers()
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, self._path(path), body=data, headers=headers)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(_why(error, self.address)) from error
        finally:
            connection.close()
        if response.status >= 400:
            raise _refusal(response.status, content)
        try:
            answer = json.loads(content)
        except ValueError as error:
            raise ServerError(f"{self.address} does not answer like a Troupe server.") from error
        if not isinstance(answer, dict):
            raise ServerError(f"{self.address} does not answer like a Troupe server.")
        return answer

    def _connection(self, timeout: float | None) -> http.client.HTTPConnection:
        parts = urlsplit(self.address)
        try:
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise BadAddress(f"{self.address!r} is not an address such as {DEFAULT_ADDRESS}.") from error
        if parts.scheme not in ("http", "https") or not host:
            raise BadAddress(f"{self.address!r} is not an address such as {DEFAULT_ADDRESS}.")
        if parts.scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())
        return http.client.HTTPConnection(host, port, timeout=timeout)

    def _path(self, path: str) -> str:
        return urlsplit(self.address).path.rstrip("/") + path

    def _headers(self, further: Mapping[str, str] | None = None) -> dict[str, str]:
        headers = {"Accept": "*/*", **(further or {})}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        return headers


class Stream:
    """An open answer; ``close`` may come from another thread and ends a read that is waiting."""

    def __init__(
        self,
        response: http.client.HTTPResponse,
        connection: http.client.HTTPConnection,
        wire: socket.socket | None,
    ) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self._response = response
        self._connection = connection
        self._wire = wire
        self._closed = False

    def read(self, size: int = 65536) -> bytes:
        """What has arrived, up to ``size`` bytes; empty at the end."""
        try:
            return self._response.read1(size)
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as error:
            if self._closed:
                return b""
            raise Unreachable(f"The connection to the server broke: {error}") from error

    def chunks(self) -> Iterator[bytes]:
        """All of it, and then it is closed."""
        try:
            while data := self.read():
                yield data
        finally:
            self.close()

    def events(self) -> Iterator[tuple[int, str, dict[str, Any]]]:
        """Id, name and data of each server-sent event."""
        number, name, data = 0, "", ""
        for line in self._lines():
            if not line:
                if name and data:
                    yield number, name, _event_data(data)
                name = data = ""
                continue
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "id" and value.isdigit():
                number = int(value)
            elif field == "event":
                name = value
            elif field == "data":
                data += value

    def close(self) -> None:
        self._closed = True
        if self._wire is not None:
            with contextlib.suppress(OSError):  # it had ended by itself
                self._wire.shutdown(socket.SHUT_RDWR)
        # Waits for a read on another thread, which the shutdown has just ended.
        self._response.close()
        if self._wire is not None:
            self._wire.close()
        self._connection.close()

    def _lines(self) -> Iterator[str]:
        rest = b""
        for data in self.chunks():
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                yield line.rstrip(b"\r").decode("utf-8", "replace")


def _event_data(data: str) -> dict[str, Any]:
    try:
        content = json.loads(data)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _list(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    entries = answer.get(name)
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _refusal(status: int, content: bytes) -> ServerError:
    try:
        body = json.loads(content)
        error = body["error"]
        message = str(error["message"])
        code, param = str(error.get("code") or ""), str(error.get("param") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return ServerError(f"The server answered {status}.", status=status)
    return ServerError(message, status=status, code=code, param=param, body=body)


def _why(error: Exception, address: str) -> str:
    if isinstance(error, ssl.SSLError):
        return f"{address}: the secure connection failed ({error.reason or error})."
    if isinstance(error, TimeoutError):
        return f"{address} does not answer in time."
    if isinstance(error, ConnectionRefusedError):
        return f"Nothing listens at {address}."
    return f"{address} cannot be reached ({error})."
