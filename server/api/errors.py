"""Errors as HTTP: one table from class to status and OpenAI type, and one body for each family of paths."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from server.api.families import family_of
from server.errors import (
    Cancelled,
    ConfigError,
    Conflict,
    InvalidRequest,
    NotFound,
    Overloaded,
    RevisionMismatch,
    SpeechError,
    SynthesisFailed,
    Unavailable,
)

log = logging.getLogger("troupe.api")

STATUSES: Mapping[type[SpeechError], tuple[int, str]] = {
    InvalidRequest: (400, "invalid_request_error"),
    NotFound: (404, "invalid_request_error"),
    Conflict: (409, "invalid_request_error"),
    RevisionMismatch: (412, "invalid_request_error"),
    # nginx's number for a client who has left; after a 409 or 5xx OpenAI's SDKs would speak again.
    Cancelled: (499, "invalid_request_error"),
    SynthesisFailed: (500, "server_error"),
    ConfigError: (500, "server_error"),
    Unavailable: (503, "server_error"),
    Overloaded: (503, "server_overloaded"),
    SpeechError: (500, "server_error"),
}

CODES = {
    400: "invalid_request",
    401: "invalid_api_key",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "request_timeout",
    413: "body_too_large",
    415: "unsupported_content_type",
    421: "misdirected_request",
}


_NO_OBJECT = ("model_attributes_type", "model_type", "dict_type")


class Refused(SpeechError):
    """A refusal that only HTTP knows: key, Host, Origin, method, size, content type."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, code=code or CODES.get(status, "http_error"), param=param)
        self.status = status
        self.headers = dict(headers or {})


def install_error_handlers(app: FastAPI) -> None:
    """Every error of ``app`` leaves in the shape of its path's family; 422 and ``{"detail"}`` never do.

    Mistakes of ours (any other exception) are answered by the gate, the outermost boundary.
    """
    app.add_exception_handler(SpeechError, _speech_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)


def error_response(path: str, error: SpeechError) -> JSONResponse:
    """The answer to a request for ``path`` that failed with ``error``."""
    status, _ = status_and_type(error)
    return JSONResponse(error_body(path, status, error), status, headers=error_headers(error))


def error_body(path: str, status: int, error: SpeechError) -> dict[str, Any]:
    """The body in the shape of the path's family; a conflict's details stand beside it."""
    details = error.details if isinstance(error, Conflict) else {}
    family = family_of(path)
    if family == "openai":
        _, kind = status_and_type(error)
        envelope = {"message": error.message, "type": kind, "param": error.param, "code": error.code}
        return {"error": envelope, **details}
    state = "generate-failure" if family == "alltalk-generation" else "error"
    return {"status": state, "error": error.message, "message": error.message, **details}


def error_headers(error: SpeechError) -> dict[str, str]:
    """Headers that tell a client whether, when and how to try again."""
    headers = dict(error.headers) if isinstance(error, Refused) else {}
    if isinstance(error, Unavailable):
        if error.retry_after is None:
            headers["x-should-retry"] = "false"  # OpenAI's SDKs would repeat any 503
        else:
            headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    return headers


def status_and_type(error: SpeechError) -> tuple[int, str]:
    """HTTP status and OpenAI ``type`` of an error, by its nearest class in the table."""
    if isinstance(error, Refused):
        return error.status, "invalid_request_error" if error.status < 500 else "server_error"
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def unexpected_error(request_id: str) -> SpeechError:
    """What a client is told of a mistake of ours: nothing but where to look."""
    return SpeechError(
        f"The server made a mistake; its log says more under {request_id}.", code="internal_error"
    )


def request_id_of(request: Request) -> str:
    """The id that the gate gave to the request, as in its ``x-request-id``."""
    return str(getattr(request.state, "request_id", "-"))


async def _speech_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SpeechError)
    status, _ = status_and_type(error)
    if status == 500:
        log.error(
            "%s %s failed: %s", request_id_of(request), request.scope["path"], error.message, exc_info=error
        )
    return error_response(request.scope["path"], error)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    content_type = getattr(request.state, "content_type", request.headers.get("content-type", ""))
    return error_response(request.scope["path"], readable(error.errors(), content_type))


async def _http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    path, method = request.scope["path"], request.method
    headers = dict(error.headers or {})
    if error.status_code == 404:
        message = f"There is nothing at {path[:80]!r}."
    elif error.status_code == 405:
        allowed = headers.get("Allow") or headers.get("allow")
        message = f"{method} is not possible here{f'; use {allowed}' if allowed else ''}."
    else:
        message = str(error.detail)
    return error_response(path, Refused(error.status_code, message, headers=headers))


def readable(errors: Sequence[Any], content_type: str = "application/json") -> SpeechError:
    """Pydantic's list of mistakes as one refusal: the first field at fault, all of them in words."""
    bodiless = any(tuple(e["loc"]) == ("body",) or e["type"] == "json_invalid" for e in errors)
    if bodiless and not _is_json(content_type):
        found = f", not {content_type[:80]!r}" if content_type else "; none was given"
        return Refused(415, f"The Content-Type must be 'application/json'{found}.")
    first = errors[0]
    if first["type"] == "json_invalid":
        return InvalidRequest(f"The body is not JSON: {first['ctx']['error']}.", code="invalid_json")
    message = " ".join(dict.fromkeys(_sentence(e) for e in errors))
    code = "missing_required_parameter" if first["type"] == "missing" else "invalid_value"
    return InvalidRequest(message, code=code, param=_field(first) or None)


def _is_json(content_type: str) -> bool:
    kind = content_type.split(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _field(error: Any) -> str:
    """``cast.narrator.speed``, without the ``body`` or ``query`` before it."""
    return ".".join(str(part) for part in error["loc"][1:])


def _sentence(error: Any) -> str:
    field = _field(error)
    if error["type"] == "missing":
        return f"Missing required parameter: '{field}'." if field else "The request needs a body."
    reason = error["msg"].removeprefix("Value error, ")
    if error["type"] in _NO_OBJECT:  # pydantic speaks of Python's own things
        reason = "expected a JSON object"
    subject = f"'{field}'" if field else "the body"
    return f"Invalid value for {subject}: {reason[:1].lower()}{reason[1:]}."
