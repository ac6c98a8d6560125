"""From chunks of sound to the bytes of one continuous stream, one encoder per response."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

import av
import av.error
import numpy as np
from av.audio.stream import AudioStream

from server.audio.chunk import AudioChunk, Samples
from server.audio.formats import AudioFormat
from server.audio.resample import Resampler
from server.audio.wav import pcm_bytes, riff_header, to_s16
from server.errors import SynthesisFailed

HeaderKind = Literal["streaming", "exact"]


class Encoder(Protocol):
    """Push object: chunks in, bytes of one valid file out, as early as the format can."""

    @property
    def media_type(self) -> str:
        """For the ``Content-Type`` header."""

    def encode(self, chunk: AudioChunk) -> bytes:
        """Bytes that are ready after ``chunk``; may be none."""

    def flush(self) -> bytes:
        """The rest of the file; nothing may be encoded after it."""


def make_encoder(format: AudioFormat, rate: int, *, wav_header: HeaderKind = "streaming") -> Encoder:
    """An encoder for mono sound that comes at ``rate`` Hz.

    An ``exact`` WAV comes whole out of ``flush``, because its header says how long it is.
    """
    if format.name in {"pcm", "wav"}:
        return PcmEncoder(format, rate, header=wav_header if format.name == "wav" else None)
    return LibavEncoder(format, rate)


class _Intake:
    """The front of every encoder: checks what comes and brings it to the format's rate."""

    def __init__(self, rate: int, wanted: int) -> None:
        self._rate = rate
        self._resampler = Resampler(rate, wanted)
        self._open = True

    def push(self, chunk: AudioChunk) -> Samples:
        if not self._open:
            raise SynthesisFailed("Sound came after the end of the stream.")
        if chunk.rate != self._rate:
            raise SynthesisFailed(f"The sound changed from {self._rate} to {chunk.rate} Hz on its way.")
        if not np.isfinite(chunk.samples).all():
            raise SynthesisFailed("The model made samples that are not numbers.")
        return self._resampler.push(chunk.samples)

    def close(self) -> Samples | None:
        """The last samples, once; None after that."""
        if not self._open:
            return None
        self._open = False
        return self._resampler.flush()


class PcmEncoder:
    """s16le samples, bare or behind a WAV header."""

    def __init__(self, format: AudioFormat, rate: int, header: HeaderKind | None = None) -> None:
        self.media_type = format.media_type
        self._rate = format.rate
        self._intake = _Intake(rate, format.rate)
        self._header = header
        self._held = bytearray()

    def encode(self, chunk: AudioChunk) -> bytes:
        """See ``Encoder``."""
        self._held += pcm_bytes(self._intake.push(chunk))
        return b"" if self._header == "exact" else self._release(None)

    def flush(self) -> bytes:
        """See ``Encoder``."""
        rest = self._intake.close()
        if rest is None:
            return b""
        self._held += pcm_bytes(rest)
        return self._release(len(self._held) if self._header == "exact" else None)

    def _release(self, size: int | None) -> bytes:
        front = riff_header(self._rate, size) if self._header else b""
        self._header = None
        data = front + bytes(self._held)
        self._held.clear()
        return data


@dataclass(frozen=True, slots=True)
class _Recipe:
    container: str
    codec: str
    sample_format: str
    codec_options: dict[str, str] = field(default_factory=dict)
    container_options: dict[str, str] = field(default_factory=dict)


# Ogg: a page every 60 ms costs 4 kb/s; libav's own page of a second would keep the listener waiting for it.
_OPUS = _Recipe("ogg", "libopus", "flt", {"frame_duration": "20"}, {"page_duration": "60000"})
_RECIPES = {
    # No Xing header: it is written last, into a beginning that has long been sent. No bit reservoir: each
    # frame can then be played as it arrives, and joined or cut anywhere.
    "mp3": _Recipe(
        "mp3", "libmp3lame", "fltp", {"reservoir": "0"}, {"write_xing": "0", "id3v2_version": "0"}
    ),
    "aac": _Recipe("adts", "aac", "fltp"),
    # In fragments, each with an index of its own: the one of a whole file stands before the sound, and is written last.
    # The first waits for a packet, so that it can say how many samples the codec has put before the sound.
    "m4a": _Recipe(
        "mp4", "aac", "fltp", {}, {"movflags": "empty_moov+default_base_moof+delay_moov", "frag_duration": "90000"}
    ),
    # Without the 8 KB that libav leaves free for tags.
    "flac": _Recipe("flac", "flac", "s16", {}, {"metadata_header_padding": "0"}),
    "opus": _OPUS,
    "ogg": _OPUS,
}


class _Sink:
    """The file that libav writes to: it cannot seek, and what was written can be taken out."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._held)
        self._held.clear()
        return data


class LibavEncoder:
    """A codec and a container of libav, written to as the sound comes."""

    def __init__(self, format: AudioFormat, rate: int) -> None:
        self.media_type = format.media_type
        self._format = format
        self._recipe = recipe = _RECIPES[format.name]
        self._intake = _Intake(rate, format.rate)
        self._sink = _Sink()
        self._waiting: list[Samples] = []
        self._time = 0
        with self._translated():
            self._container = av.open(
                self._sink,
                "w",
                format=recipe.container,
                # libav otherwise gathers 32 KB before it lets go of any
                container_options={**recipe.container_options, "flush_packets": "1"},
            )
            stream = self._container.add_stream(recipe.codec, rate=format.rate, options=recipe.codec_options)
            assert isinstance(stream, AudioStream)
            stream.layout = "mono"
            stream.format = recipe.sample_format
            if format.bit_rate:
                stream.bit_rate = format.bit_rate
            self._container.start_encoding()
        self._stream = stream
        self._frame_size = stream.codec_context.frame_size

    def encode(self, chunk: AudioChunk) -> bytes:
        """See ``Encoder``."""
        with self._translated():
            self._write(self._intake.push(chunk))
        return self._sink.take()

    def flush(self) -> bytes:
        """See ``Encoder``."""
        rest = self._intake.close()
        if rest is None:
            return b""
        with self._translated():
            self._write(rest, last=True)
            self._encode(None)
            self._container.close()
        return self._sink.take()

    def _write(self, samples: Samples, last: bool = False) -> None:
        """Cut into the codec's frames; what does not fill one waits, unless it is the last."""
        self._waiting.append(samples)
        if not last and sum(map(len, self._waiting)) < self._frame_size:
            return
        sound = np.concatenate(self._waiting)
        end = len(sound) if last else len(sound) - len(sound) % self._frame_size
        self._waiting = [sound[end:]]
        for start in range(0, end, self._frame_size):
            self._encode(self._frame(sound[start : min(start + self._frame_size, end)]))

    def _encode(self, frame: av.AudioFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def _frame(self, samples: Samples) -> av.AudioFrame:
        kind = self._recipe.sample_format
        data = to_s16(samples) if kind == "s16" else np.clip(samples, -1.0, 1.0)
        frame = av.AudioFrame.from_ndarray(data.reshape(1, -1), format=kind, layout="mono")
        frame.sample_rate = self._format.rate
        frame.pts = self._time
        self._time += len(samples)
        return frame

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (av.error.FFmpegError, ValueError) as error:
            raise SynthesisFailed(f"Encoding {self._format.name} failed: {error}") from error
