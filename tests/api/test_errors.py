"""Errors as HTTP: the table, the envelopes, validation in words, unknown paths and methods."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Form
from pydantic import BaseModel, ConfigDict, Field

from server import errors
from server.api.errors import STATUSES, Refused, error_body, install_error_handlers, status_and_type
from server.api.policy import GatePolicy
from server.api.security import Gate
from server.api.unknown import install_catch_alls

pytestmark = pytest.mark.api


class Member(BaseModel):
    model_config = ConfigDict(extra="forbid")

    speed: float = Field(1, ge=0.25, le=4)


class Body(BaseModel):
    model: str
    input: str = Field(max_length=10)
    speed: float = Field(1, ge=0.25, le=4)
    cast: dict[str, Member] = {}


router = APIRouter()


@router.post("/v1/audio/speech")
async def speech(body: Body) -> dict[str, str]:
    return {"input": body.input}


@router.get("/v1/number")
async def number(n: int) -> int:
    return n


@router.get("/api/voices/{name}")
@router.put("/api/voices/{name}")
async def voice(name: str) -> str:
    return name


@router.post("/api/tts-generate")
async def generate(text_input: Annotated[str, Form()]) -> str:
    return text_input


RAISED: dict[str, errors.SpeechError] = {
    "invalid": errors.InvalidRequest("Invalid value: 'x'.", param="voice"),
    "missing": errors.NotFound("No model 'x'.", code="model_not_found", param="model"),
    "conflict": errors.Conflict("Spoken.", code="already_spoken", details={"spoken_until": 16, "length": 29}),
    "revision": errors.RevisionMismatch("Changed.", details={"revision": "abc"}),
    "failed": errors.SynthesisFailed("The model broke."),
    "stopped": errors.Cancelled("Stopped."),
    "absent": errors.Unavailable("Install it: python3 -m server install piper", code="not_installed"),
    "loading": errors.Unavailable("Loading.", retry_after=2.2),
    "busy": errors.Overloaded("Busy.", retry_after=0.1),
    "config": errors.ConfigError("Wrong file."),
    "teapot": Refused(415, "Not that.", param="clip", headers={"x-tea": "yes"}),
}


@router.get("/v1/raise/{name}")
@router.get("/api/previewvoice/{name}")
@router.get("/audio/{name}")
async def raising(name: str) -> None:
    raise RAISED[name]


@router.get("/v1/broken")
async def broken() -> None:
    raise RuntimeError("secret detail")


def make() -> FastAPI:
    app = FastAPI()
    app.include_router(router)
    install_catch_alls(app)
    install_error_handlers(app)
    app.add_middleware(Gate, policy=GatePolicy())
    return app


APP = make()


def ask(method: str, path: str, **options: Any) -> httpx.Response:
    async def asking() -> httpx.Response:
        transport = httpx.ASGITransport(APP)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, **options)

    return asyncio.run(asking())


def envelope(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json()
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert isinstance(body["error"]["code"], str)
    assert answer.headers["x-request-id"]
    return dict(body["error"])


TABLE = [
    ("invalid", 400, "invalid_request_error", "invalid_value", "voice"),
    ("missing", 404, "invalid_request_error", "model_not_found", "model"),
    ("conflict", 409, "invalid_request_error", "already_spoken", None),
    ("revision", 412, "invalid_request_error", "revision_mismatch", None),
    ("failed", 500, "server_error", "synthesis_failed", None),
    ("stopped", 499, "invalid_request_error", "cancelled", None),
    ("absent", 503, "server_error", "not_installed", None),
    ("loading", 503, "server_error", "unavailable", None),
    ("busy", 503, "server_overloaded", "server_overloaded", None),
    ("config", 500, "server_error", "config_error", None),
    ("teapot", 415, "invalid_request_error", "unsupported_content_type", "clip"),
]


@pytest.mark.parametrize(("name", "status", "kind", "code", "param"), TABLE)
def test_the_table(name, status, kind, code, param):
    answer = ask("GET", f"/v1/raise/{name}")
    assert answer.status_code == status
    assert envelope(answer) == {"message": RAISED[name].message, "type": kind, "param": param, "code": code}


def test_every_class_of_error_has_its_row():
    classes = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.SpeechError)]
    assert set(classes) == set(STATUSES)

    class Later(errors.Overloaded):
        """A class nobody has thought of yet."""

    assert status_and_type(Later("x")) == (503, "server_overloaded")


def test_details_stand_beside_the_error():
    assert ask("GET", "/v1/raise/conflict").json().items() >= {"spoken_until": 16, "length": 29}.items()
    assert error_body("/audio/x", 409, RAISED["conflict"])["length"] == 29


def test_when_to_try_again():
    assert ask("GET", "/v1/raise/loading").headers["retry-after"] == "3"
    assert ask("GET", "/v1/raise/busy").headers["retry-after"] == "1"
    absent = ask("GET", "/v1/raise/absent").headers
    assert "retry-after" not in absent
    assert absent["x-should-retry"] == "false"
    assert ask("GET", "/v1/raise/teapot").headers["x-tea"] == "yes"


def test_alltalk_s_shapes():
    message = RAISED["failed"].message
    generation = ask("GET", "/api/previewvoice/failed")
    assert generation.status_code == 500
    assert ask("GET", "/audio/failed").json() == {"status": "error", "error": message, "message": message}
    missing = ask("POST", "/api/tts-generate")
    assert missing.status_code == 400
    assert missing.json()["status"] == "generate-failure"
    assert "text_input" in missing.json()["message"]


JSON = {"content-type": "application/json"}
BODIES = [
    # what is sent, status, code, param, words
    ({"json": {}}, 400, "missing_required_parameter", "model", "Missing required parameter: 'model'."),
    ({"json": {"model": "x"}}, 400, "missing_required_parameter", "input", "'input'"),
    ({"json": {"model": "x", "input": "y" * 11}}, 400, "invalid_value", "input", "at most 10 characters"),
    (
        {"json": {"model": "x", "input": "y", "speed": 5}},
        400,
        "invalid_value",
        "speed",
        "less than or equal to 4",
    ),
    ({"json": {"model": "x", "input": "y", "speed": "fast"}}, 400, "invalid_value", "speed", "valid number"),
    ({"json": {"model": 7, "input": []}}, 400, "invalid_value", "model", "Invalid value for 'input'"),
    (
        {"json": {"model": "x", "input": "y", "cast": {"Ann": {"speed": 9}}}},
        400,
        "invalid_value",
        "cast.Ann.speed",
        "4",
    ),
    (
        {"json": {"model": "x", "input": "y", "cast": {"Ann": {"sped": 1}}}},
        400,
        "invalid_value",
        "cast.Ann.sped",
        "not",
    ),
    ({"json": []}, 400, "invalid_value", None, "Invalid value for the body: expected a JSON object."),
    ({"json": None, "headers": JSON}, 400, "missing_required_parameter", None, "needs a body"),
    ({"content": b"{model:", "headers": JSON}, 400, "invalid_json", None, "not JSON"),
    ({"content": b"\xff\xfe{", "headers": JSON}, 400, "invalid_request", None, "body"),
    ({"content": b'{"model":"x","input":"y"}'}, 415, "unsupported_content_type", None, "none was given"),
    (
        {"content": b"{}", "headers": {"content-type": "text/plain"}},
        415,
        "unsupported_content_type",
        None,
        "text/plain",
    ),
    ({"data": {"model": "x"}}, 415, "unsupported_content_type", None, "application/x-www-form-urlencoded"),
    ({"files": {"f": b"x"}}, 415, "unsupported_content_type", None, "multipart/form-data"),
    ({}, 415, "unsupported_content_type", None, "'application/json'"),
]


@pytest.mark.parametrize(("sent", "status", "code", "param", "words"), BODIES)
def test_bodies_that_do_not_fit(sent, status, code, param, words):
    answer = ask("POST", "/v1/audio/speech", **sent)
    assert answer.status_code == status
    error = envelope(answer)
    assert (error["code"], error["param"]) == (code, param)
    assert words in error["message"]
    assert error["type"] == "invalid_request_error"


def test_json_with_parameters_is_json():
    good = b'{"model":"x","input":"y"}'
    answer = ask(
        "POST", "/v1/audio/speech", content=good, headers={"content-type": "application/json; charset=utf-8"}
    )
    assert answer.status_code == 200


def test_a_query_that_does_not_fit():
    error = envelope(ask("GET", "/v1/number?n=many"))
    assert (error["param"], error["code"]) == ("n", "invalid_value")


UNKNOWN = [
    ("GET", "/v1", 404, None),
    ("GET", "/v1/nothing", 404, None),
    ("POST", "/v1/nothing/at/all", 404, None),
    ("GET", "/api", 404, None),
    ("PATCH", "/api/nothing", 404, None),
    ("GET", "/nothing", 404, None),
    ("GET", "/audiocache/x/y", 404, None),
    ("POST", "/v1/audio/speech/", 404, None),
    ("GET", "/v1/audio/speech", 405, "POST"),
    ("DELETE", "/v1/audio/speech", 405, "POST"),
    ("DELETE", "/api/voices/x", 405, "GET, PUT"),
    ("HEAD", "/v1/audio/speech", 405, "POST"),
    ("GET", "/api/tts-generate", 405, "POST"),
    ("BREW", "/v1/audio/speech", 405, "POST"),
    ("BREW", "/v1/nothing", 404, None),
]


@pytest.mark.parametrize(("method", "path", "status", "allow"), UNKNOWN)
def test_unknown_paths_and_methods(method, path, status, allow):
    answer = ask(method, path)
    assert answer.status_code == status
    assert answer.headers.get("allow") == allow
    if method != "HEAD":
        assert "detail" not in answer.json()
        assert answer.json()["error"]


def test_options_says_what_is_possible():
    answer = ask("OPTIONS", "/api/voices/x")
    assert (answer.status_code, answer.headers["allow"]) == (204, "GET, PUT")
    assert ask("OPTIONS", "/api/nothing").status_code == 404


def test_a_mistake_of_ours_is_told_without_its_text(caplog):
    answer = ask("GET", "/v1/broken")
    assert answer.status_code == 500
    error = envelope(answer)
    assert error["code"] == "internal_error"
    assert answer.headers["x-request-id"] in error["message"]
    assert "secret detail" not in answer.text
    assert caplog.text.count("RuntimeError: secret detail") == 1


def test_a_failed_synthesis_is_logged_with_its_cause(caplog):
    ask("GET", "/v1/raise/failed")
    assert "The model broke." in caplog.text
    caplog.clear()
    ask("GET", "/v1/raise/invalid")
    assert not caplog.text
