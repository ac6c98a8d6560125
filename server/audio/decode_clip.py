"""The child process that decodes a stranger's file: ``python -m server.audio.decode_clip FORMAT``.

The file comes on standard input. On standard output comes one line of JSON, ``{"rate": ...}`` and after it
mono s16le samples, or ``{"refused": why}``. What a hostile file can do ends with this process.
"""

from __future__ import annotations

import io
import json
import sys

import av
import av.error

MAX_SECONDS = 60
MAX_RATE = 48_000
MAX_CHANNELS = 2
MAX_MEMORY = 1 << 30
MAX_CPU_SECONDS = 20

CONTAINERS = {"wav": "wav", "flac": "flac", "mp3": "mp3", "ogg": "ogg", "m4a": "mov"}
"""Name of the format: libav's demuxer for it."""
CODECS = frozenset(
    {"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"}
    | {"flac", "alac", "mp3", "mp3float", "aac", "vorbis", "opus", "libopus"}
)


DAMAGE = (av.error.FFmpegError, ValueError, MemoryError)
"""What libav and its binding raise over a broken file."""


class Refused(Exception):
    """The clip cannot be used, for a reason that its sender can mend."""


def decode(data: bytes, name: str) -> tuple[bytes, int]:
    """Mono s16le samples and their rate."""
    # Named demuxer, no guessing; no protocol, so that a file can point to nothing outside itself.
    options = {"protocol_whitelist": "none", "enable_drefs": "0", "max_streams": "8"}
    if name != "m4a":
        del options["enable_drefs"]
    with av.open(io.BytesIO(data), format=CONTAINERS[name], container_options=options) as container:
        if not container.streams.audio:
            raise Refused("There is no sound in it.")
        stream = container.streams.audio[0]
        # For a codec that libav does not know there is no context, whatever PyAV's annotation says.
        codec = getattr(stream.codec_context, "name", "nothing known")
        if codec not in CODECS:
            raise Refused(f"Its sound is coded as {codec}, which is not accepted.")
        rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
        if not 0 < rate <= MAX_RATE or not 0 < channels <= MAX_CHANNELS:
            raise Refused(f"Use at most {MAX_RATE // 1000} kHz, mono or stereo.")
        stream.thread_type = "NONE"
        mono = av.AudioResampler(format="s16", layout="mono", rate=rate)
        parts: list[bytes] = []
        count = 0
        for frame in container.decode(stream):
            if frame.sample_rate != rate or frame.layout.nb_channels != channels:
                raise Refused("Its rate or its channels change on the way.")
            for out in mono.resample(frame):
                parts.append(_bytes(out))
                count += out.samples
            if count > MAX_SECONDS * rate:
                raise Refused(f"It is longer than {MAX_SECONDS} seconds.")
        parts += map(_bytes, mono.resample(None))
    return b"".join(parts), rate


def _bytes(frame: av.AudioFrame) -> bytes:
    """A mono s16 frame's samples, without numpy: it would be half of this process's start."""
    return bytes(frame.planes[0])[: frame.samples * 2]


def limit_self() -> None:
    """Memory, time and files of this process, where the system can limit them.

    Windows cannot without a job object; there the limits above and the parent's clock have to do.
    """
    try:
        import resource
    except ImportError:
        return
    for kind, limit in (
        (resource.RLIMIT_AS, MAX_MEMORY),
        (resource.RLIMIT_CPU, MAX_CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
    ):
        try:
            resource.setrlimit(kind, (limit, limit))
        except (ValueError, OSError):
            continue  # macOS refuses some; the others still hold


def main() -> int:
    """Decode standard input; 0 also for a clip that is refused."""
    limit_self()
    try:
        samples, rate = decode(sys.stdin.buffer.read(), sys.argv[1])
        head: dict[str, object] = {"rate": rate}
    except Refused as refusal:
        samples, head = b"", {"refused": str(refusal)}
    except DAMAGE:
        samples, head = b"", {"refused": "It is damaged, or not what its beginning says."}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + samples)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
