"""How the gate's answers look: their shape, id and headers, and what a failing application becomes."""

from __future__ import annotations

import pytest

from server.api.security import Cut
from tests.api.gate import HOME, KEYED, ask

pytestmark = pytest.mark.api

SHAPES = [
    ("/v1/audio/speech", "openai"),
    ("/api/voices", "openai"),
    ("/api/narrations", "openai"),
    ("/", "openai"),
    ("/api/tts-generate", "generate-failure"),
    ("/api/previewvoice/", "generate-failure"),
    ("/api/tts-generate-streaming", "generate-failure"),
    ("/api/ready", "error"),
    ("/api/reload", "error"),
    ("/audio/x.wav", "error"),
    ("/audiocache/x.wav", "error"),
]


@pytest.mark.parametrize(("path", "shape"), SHAPES)
def test_refusals_have_the_shape_of_their_path(path, shape):
    body = ask(HOME, "POST", path, host="evil.example").json
    if shape == "openai":
        assert set(body) == {"error"}
        assert set(body["error"]) == {"message", "type", "param", "code"}
        assert body["error"]["type"] == "invalid_request_error"
        assert isinstance(body["error"]["code"], str)
    else:
        assert body["status"] == shape
        assert body["error"] == body["message"]


def test_every_answer_has_an_id_of_its_own():
    answers = [ask(HOME), ask(HOME), ask(HOME, host="evil.example"), ask(KEYED, path="/docs")]
    ids = {answered.header("x-request-id") for answered in answers}
    assert len(ids) == 4
    assert all(value.startswith("req_") for value in ids)
    assert answers[0].scope["state"]["request_id"] == answers[0].header("x-request-id")
    assert all(answered.header("x-content-type-options") == "nosniff" for answered in answers)


def test_headers_of_the_application_are_put_right():
    async def careless(scope, receive, send) -> None:
        theirs = {
            "access-control-allow-origin": "*",
            "Access-Control-Allow-Credentials": "true",
            "x-request-id": "forged",
            "vary": "Accept-Encoding",
        }
        headers = [(name.encode(), value.encode()) for name, value in theirs.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    answered = ask(HOME, app=careless, headers={"origin": "http://localhost:8000"})
    assert answered.header("access-control-allow-origin") == "http://localhost:8000"
    assert "access-control-allow-credentials" not in {name.lower() for name, _ in answered.headers}
    assert answered.header("x-request-id").startswith("req_")
    assert [value for name, value in answered.headers if name == "vary"] == ["Accept-Encoding", "Origin"]
    assert ask(HOME, app=careless).header("access-control-allow-origin") is None


def test_a_mistake_of_ours_is_an_envelope_with_the_id(caplog):
    async def broken(scope, receive, send) -> None:
        raise RuntimeError("secret detail")

    answered = ask(HOME, app=broken)
    assert answered.status == 500
    assert answered.header("x-request-id") in answered.json["error"]["message"]
    assert answered.json["error"]["type"] == "server_error"
    assert "secret detail" not in answered.body.decode()
    assert "secret detail" in caplog.text


def test_a_failure_after_the_first_byte_cuts_the_connection():
    async def breaking(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("engine gone")

    with pytest.raises(Cut) as cut:
        ask(HOME, app=breaking)
    assert str(cut.value.__cause__) == "engine gone"


def test_a_failure_after_the_last_byte_is_nobody_s():
    async def late(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})
        raise RuntimeError("told already")

    assert ask(HOME, app=late).status == 500
