"""How server and worker talk: framed messages over a pipe, a JSON head and raw samples behind it.

A frame is two unsigned 32-bit little-endian lengths, the head (UTF-8 JSON object with ``type``) and the body.
Many jobs share one pipe; each message names its job.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, BinaryIO

import numpy as np

from server.audio.chunk import AudioChunk, WordTime
from server.engines.base import Cancel, Job, SynthesisOptions
from server.errors import (
    Cancelled,
    Conflict,
    InvalidRequest,
    NotFound,
    SpeechError,
    SynthesisFailed,
    Unavailable,
)
from server.text.piece import PhonemeSpan, Piece, SourceSpan
from server.voices.voice import Voice

_LENGTHS = struct.Struct("<II")
_MAX_HEAD = 4 * 1024 * 1024
_ERRORS: dict[str, type[SpeechError]] = {
    cls.__name__: cls for cls in (Cancelled, Conflict, InvalidRequest, NotFound, SynthesisFailed, Unavailable)
}

Message = dict[str, Any]


def write_message(stream: BinaryIO, head: Mapping[str, Any], body: bytes = b"") -> None:
    """Write one frame and flush; raises OSError when the other side is gone."""
    encoded = json.dumps(head, separators=(",", ":")).encode()
    stream.write(_LENGTHS.pack(len(encoded), len(body)) + encoded + body)
    stream.flush()


def read_message(stream: BinaryIO) -> tuple[Message, bytes] | None:
    """Read one frame; None at the end of the stream, also when it ends inside a frame."""
    lengths = _read_exactly(stream, _LENGTHS.size)
    if lengths is None:
        return None
    head_size, body_size = _LENGTHS.unpack(lengths)
    if head_size > _MAX_HEAD:
        raise SynthesisFailed("The engine's worker sent something that is not a message.")
    head = _read_exactly(stream, head_size)
    body = _read_exactly(stream, body_size)
    if head is None or body is None:
        return None
    return json.loads(head), body


def _read_exactly(stream: BinaryIO, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = stream.read(size - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


def voice_to_wire(voice: Voice) -> Message:
    """A voice as JSON."""
    return asdict(voice)


def voice_from_wire(wire: Message) -> Voice:
    """The voice that ``voice_to_wire`` wrote."""
    return Voice(
        **{
            **wire,
            "languages": tuple(wire["languages"]),
            "clips": tuple(wire["clips"]),
            "blend": tuple((name, weight) for name, weight in wire["blend"]),
        }
    )


def job_to_wire(job: Job) -> Message:
    """A job as JSON, without its cancel flag: that travels as a message of its own."""
    options = job.options
    return {
        "type": "speak",
        "job": job.id,
        "piece": asdict(job.piece),
        "voice": voice_to_wire(job.voice),
        "language": options.language,
        "speed": options.speed,
        "values": dict(options.values),
    }


def job_from_wire(wire: Message) -> Job:
    """The job that ``job_to_wire`` wrote, with a cancel flag of its own."""
    piece = wire["piece"]
    return Job(
        id=wire["job"],
        piece=Piece(
            **{
                **piece,
                "phonemes": tuple(PhonemeSpan(**span) for span in piece["phonemes"]),
                "sources": tuple(SourceSpan(**span) for span in piece["sources"]),
            }
        ),
        voice=voice_from_wire(wire["voice"]),
        options=SynthesisOptions(
            language=wire["language"], speed=wire["speed"], values=wire["values"], cancel=Cancel()
        ),
    )


def chunk_to_wire(job: int, chunk: AudioChunk) -> tuple[Message, bytes]:
    """A chunk as head and body (float32 little-endian samples)."""
    words = [[w.start, w.end, w.text_start, w.text_end] for w in chunk.words]
    return {"type": "chunk", "job": job, "rate": chunk.rate, "words": words}, np.ascontiguousarray(
        chunk.samples, dtype="<f4"
    ).tobytes()


def chunk_from_wire(wire: Message, body: bytes) -> AudioChunk:
    """The chunk that ``chunk_to_wire`` wrote."""
    return AudioChunk(
        samples=np.frombuffer(body, dtype="<f4").astype(np.float32, copy=False),
        rate=wire["rate"],
        words=tuple(WordTime(*word) for word in wire["words"]),
    )


def error_to_wire(error: SpeechError) -> Message:
    """An error as JSON; a class that is not on the list travels as SynthesisFailed."""
    kind = type(error).__name__
    return {
        "kind": kind if kind in _ERRORS else "SynthesisFailed",
        "message": error.message,
        "code": error.code,
        "param": error.param,
    }


def error_from_wire(wire: Message) -> SpeechError:
    """The error that ``error_to_wire`` wrote."""
    return _ERRORS[wire["kind"]](wire["message"], code=wire["code"], param=wire["param"])
