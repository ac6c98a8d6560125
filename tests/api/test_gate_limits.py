"""What the gate bounds: a body's size and time, and speech for media elements at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from server.api.security import Gate
from tests.api.gate import HOME, Answered, ask, asking

pytestmark = pytest.mark.api

MEGABYTE = b"x" * 1_000_000
BODIES = [
    # path, Content-Length, chunks, status
    ("/v1/audio/speech", "50000000", [b"x"], 413),
    ("/v1/audio/speech", "1000001", [MEGABYTE, b"x"], 413),
    ("/v1/audio/speech", "1000000", [MEGABYTE], 200),
    ("/v1/audio/speech", None, [MEGABYTE, b"x"], 413),
    ("/v1/audio/speech", None, [b"x" * 100] * 3, 200),
    ("/v1/audio/speech", "10", [MEGABYTE, b"x"], 413),
    ("/v1/audio/speech", "9" * 5000, [b"x"], 413),
    ("/v1/audio/speech", "-1", [b"x"], 400),
    ("/v1/audio/speech", "ten", [b"x"], 400),
    ("/v1/audio/speech", "\xb2", [b"x"], 400),
    ("/api/voices", "20000000", [MEGABYTE] * 20, 200),
    ("/api/voices", None, [MEGABYTE] * 20 + [b"x"], 413),
    ("/api/voices", "20000001", [b"x"], 413),
    ("/gradio_api/upload", "2000000", [MEGABYTE] * 2, 200),
    ("/api/voices/low", "1000001", [b"x"], 413),
    ("/api/tts-generate", "1000001", [b"x"], 413),
]


@pytest.mark.parametrize(("path", "length", "chunks", "status"), BODIES)
def test_bodies_are_bounded(path, length, chunks, status):
    answered = ask(HOME, "POST", path, {"content-length": length} if length else {}, body=chunks)
    assert answered.status == status
    assert answered.complete
    if status == 413:
        assert "MB" in answered.body.decode()
        assert answered.header("connection") == "close"


def test_a_body_that_does_not_come_is_given_up():
    hurried = replace(HOME, body_seconds=0.05)

    async def slow() -> list[dict[str, Any]]:
        gate = Gate(reader, hurried)
        sent = []

        async def receive():
            if not sent:
                sent.append(1)
                return {"type": "http.request", "body": b"{", "more_body": True}
            await asyncio.Event().wait()

        messages = []

        async def send(message) -> None:
            messages.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/audio/speech",
            "headers": [(b"host", b"localhost")],
        }
        await gate(scope, receive, send)
        return messages

    async def reader(scope, receive, send) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            assert message["more_body"]
        assert (await receive())["type"] == "http.disconnect"
        # An application that answers all the same is not heard: it never saw the whole request.
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half"})

    messages = asyncio.run(slow())
    assert [message["type"] for message in messages] == ["http.response.start", "http.response.body"]
    assert messages[0]["status"] == 408
    assert (b"connection", b"close") in messages[0]["headers"]


def test_waiting_for_the_client_to_leave_has_no_deadline():
    async def lingering(scope, receive, send) -> None:
        await receive()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(receive(), 0.15)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    assert ask(replace(HOME, body_seconds=0.05), "POST", "/v1/audio/speech", app=lingering).status == 200


def test_the_media_route_that_makes_speech_serves_two_at_once():
    async def three() -> tuple[list[Answered], Answered]:
        release = asyncio.Event()

        async def speaking(scope, receive, send) -> None:
            await release.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})

        gate = Gate(speaking, HOME)
        path = "/api/tts-generate-streaming"
        first = [asyncio.create_task(asking(HOME, path=path, host="localhost", gate=gate)) for _ in range(2)]
        await asyncio.sleep(0)
        third = await asking(HOME, path=path, host="localhost", gate=gate)
        release.set()
        answers = [await task for task in first]
        return answers, third, await asking(HOME, path=path, host="localhost", gate=gate)

    first, third, later = asyncio.run(three())
    assert [answered.status for answered in first] == [200, 200]
    assert third.status == 503
    assert third.header("retry-after") == "1"
    assert third.json["status"] == "generate-failure"
    assert later.status == 200
