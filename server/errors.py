"""What can go wrong, in the words a person reads; knows nothing of HTTP (see ``api/errors.py``)."""

from __future__ import annotations

RESTART = "restart_worker"
"""The code of an error that only a new worker process mends: of a graphics card, for example."""


class SpeechError(Exception):
    """Base of every error that Troupe raises on purpose.

    ``message`` is shown to people, ``code`` is stable and read by programs, ``param`` names the
    request's field at fault.
    """

    default_code = "speech_error"
    of_conversion = False
    """The conversion of a voice failed, or cannot be had: without it the same may be spoken."""

    def __init__(self, message: str, *, code: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.param = param


class InvalidRequest(SpeechError):
    """A value that cannot be used: says what was wrong and what is accepted."""

    default_code = "invalid_value"


class NotFound(SpeechError):
    """No voice, model, engine, session or file of that name."""

    default_code = "not_found"


class Conflict(SpeechError):
    """The request contradicts what has already happened; ``details`` lets the caller recover."""

    default_code = "conflict"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        details: dict[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, param=param)
        self.details = details or {}


class RevisionMismatch(Conflict):
    """Somebody else changed it first; ``details`` holds the revision that is in force."""

    default_code = "revision_mismatch"


class Unavailable(SpeechError):
    """Cannot be done now or on this machine; names what to install, start or wait for.

    ``retry_after`` is in seconds; None where waiting does not help.
    """

    default_code = "unavailable"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, code=code, param=param)
        self.retry_after = retry_after


class Overloaded(Unavailable):
    """The queue is full; the same request will do after ``retry_after`` seconds."""

    default_code = "server_overloaded"


class SynthesisFailed(SpeechError):
    """The model, the conversion or the encoder failed while making sound."""

    default_code = "synthesis_failed"


class Cancelled(SpeechError):
    """The listener has left or pressed Stop."""

    default_code = "cancelled"


class ConfigError(SpeechError):
    """Start-up cannot go on: names the file, the key, what was expected and what is there."""

    default_code = "config_error"
