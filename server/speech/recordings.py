"""Recordings: speech made in the background and kept, to be heard while it grows by whoever knows its id."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Coroutine, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from server.audio.chunk import AudioChunk
from server.audio.encoders import Encoder, make_encoder
from server.audio.formats import parse_format
from server.audio.length import write_length
from server.errors import InvalidRequest, NotFound, SpeechError, Unavailable
from server.speech.chapters import chapters_of
from server.speech.recording import LISTEN, Recording, RecordingRequest
from server.speech.rendition import Line
from server.speech.scripts import Scripts
from server.speech.service import SpeechService
from server.speech.store import AudioStore
from server.text.roles import CHARACTER, NARRATOR, RoleRules

log = logging.getLogger("troupe.recordings")

MOST_TEXT = 500_000
"""Characters of one recording: a long novel's half."""
MOST_KEPT = 30
"""Recordings remembered; their files are pruned with all other sound."""
_AT_ONCE = 4
_PCM = parse_format("pcm")
_PAUSE = 1.2
"""Seconds of silence before a chapter."""
_BLOCK = 1 << 16


class Recordings:
    """The last recordings, made and being made."""

    def __init__(self, speech: SpeechService, scripts: Scripts, store: AudioStore) -> None:
        self._speech = speech
        self._scripts = scripts
        self._store = store
        self._all: dict[str, Recording] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, request: RecordingRequest) -> Recording:
        """Begin; raises InvalidRequest for what cannot be recorded. Later failures are in its ``error``."""
        if not request.text.strip():
            raise InvalidRequest("There is nothing to say: write some text first.", param="text")
        if len(request.text) > MOST_TEXT:
            raise InvalidRequest(
                f"The text has {len(request.text):,} characters; at most {MOST_TEXT:,} fit into one recording.",
                param="text",
            )
        if len(self._tasks) >= _AT_ONCE:
            raise Unavailable(
                f"{_AT_ONCE} recordings are being made already: stop one, or wait.", code="too_many_recordings"
            )
        casting = self._speech.casting
        for role, delivery in request.cast.items():
            if casting.is_ready(delivery):  # else the engine's voices are not known yet
                casting.rendition(delivery, request.language, request.text, param=role)
        recording_id = secrets.token_urlsafe(16)
        recording = Recording(
            id=recording_id,
            request=request,
            format=parse_format(request.format),
            folder=self._store.folder / recording_id,
            chapters=chapters_of(request.text),
            made_at=time.time(),
        )
        self._all[recording_id] = recording
        task = asyncio.get_running_loop().create_task(self._record(recording))
        self._tasks[recording_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(recording_id, None))
        for old in list(self._all)[:-MOST_KEPT]:
            if old not in self._tasks:
                del self._all[old]
        return recording

    def recent(self) -> Sequence[Recording]:
        """The latest first; those whose sound was pruned are left out."""
        kept = [each for each in self._all.values() if each.state == "making" or each.file.is_file()]
        return kept[::-1]

    @property
    def being_made(self) -> Sequence[str]:
        """Ids of those whose files still grow."""
        return [recording.id for recording in self._all.values() if recording.state == "making"]

    def find(self, recording_id: str) -> Recording:
        """The recording of that id; NotFound otherwise."""
        found = self._all.get(recording_id)
        if found is None:
            raise NotFound("There is no such recording (or it was pruned).", code="recording_not_found")
        return found

    async def stop(self, recording_id: str) -> bool:
        """End it inside the sentence, what is there stays; False when it had ended before."""
        task = self._tasks.get(recording_id)
        if task is None:
            return False
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return True

    async def close(self) -> None:
        """The server ends."""
        for recording_id in list(self._tasks):
            await self.stop(recording_id)

    async def listen(self, recording: Recording) -> AsyncGenerator[bytes, None]:
        """The sound from its beginning, going on while it is made."""
        path, position = recording.listen_file, 0
        while True:
            making = recording.state == "making"
            data = await asyncio.to_thread(_read, path, position)
            position += len(data)
            if data:
                yield data
            elif not making:
                return
            else:
                await recording.changed.wait(1.0)

    async def _record(self, recording: Recording) -> None:
        writer = _Writer(recording)
        try:
            try:
                await self._speak(recording, writer)
            finally:
                # Not on a thread: a cancelled task must not be cancelled again while the file lacks its end.
                writer.close()
            recording.state, recording.done = "done", 1.0
        except SpeechError as error:
            recording.state, recording.error = "failed", error
        except asyncio.CancelledError:
            recording.state = "stopped"
            raise
        except Exception:
            log.exception("a recording failed")
            recording.state, recording.error = "failed", SpeechError("Something went wrong; the log says what.")
        finally:
            recording.changed.fire()

    async def _speak(self, recording: Recording, writer: _Writer) -> None:
        started = time.perf_counter()
        await self._speech.casting.ready(recording.request.cast.values(), recording.request.load_timeout)
        script = await self._script(recording)
        speech = await self._speech.prepare_lines([line for line, _, _ in script], _PCM)
        places = {id(line): (chapter, done) for line, chapter, done in script}
        async with aclosing(speech.parts()) as parts:
            async for part in parts:
                if recording.first_sound is None:
                    recording.first_sound = time.perf_counter() - started
                if part.line is not None:
                    chapter, recording.done = places[id(part.line)]
                    while len(recording.starts) <= chapter:
                        recording.starts.append(recording.seconds)
                await _whole(asyncio.to_thread(writer.write, part.data))
                recording.took = time.perf_counter() - started
                recording.changed.fire()

    async def _script(self, recording: Recording) -> list[tuple[Line, int, float]]:
        """Every line with its chapter and how much of the text lies before its end."""
        lines = [await self._lines(recording.request, chapter.text) for chapter in recording.chapters]
        total = max(1, sum(len(line.piece.text) for chapter in lines for line in chapter))
        script: list[tuple[Line, int, float]] = []
        spoken = 0
        for index, chapter in enumerate(lines):
            for place, line in enumerate(chapter):
                if index and not place:
                    pause = max(line.piece.pause_before, _PAUSE)
                    line = replace(line, piece=replace(line.piece, pause_before=pause))
                spoken += len(line.piece.text)
                script.append((line, index, spoken / total))
        return script

    async def _lines(self, request: RecordingRequest, text: str) -> list[Line]:
        if NARRATOR in request.cast:
            rules = RoleRules(unmarked=request.unmarked)
            return await self._speech.lines(text, request.cast, rules, language=request.language)
        rendition = self._speech.casting.rendition(request.cast[CHARACTER], request.language, text)
        pieces = await asyncio.to_thread(self._scripts.pieces, text, rendition.language)
        return [Line(piece, rendition) for piece in pieces]


class _Writer:
    """Samples in; the file to listen to and the one to keep come out."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._encoders: list[tuple[Encoder, Path]] = []

    def write(self, data: bytes) -> None:
        """Encode and append some s16le."""
        recording = self._recording
        chunk = AudioChunk(np.frombuffer(data, "<i2").astype(np.float32) / 32767.0, _PCM.rate)
        if not self._encoders:
            with _saving():
                recording.folder.mkdir(parents=True, exist_ok=True)
            formats = {recording.listen_file: LISTEN, recording.file: recording.format}
            self._encoders = [(make_encoder(kind, _PCM.rate), path) for path, kind in formats.items()]
        with _saving():
            for encoder, path in self._encoders:
                _append(path, encoder.encode(chunk))
        recording.peaks.add(chunk.samples)
        recording.seconds += chunk.seconds

    def close(self) -> None:
        """What the encoders still hold; the header of the file to keep is told how long it became."""
        whole = False
        try:
            with _saving():
                for encoder, path in self._encoders:
                    _append(path, encoder.flush())
            whole = True
        finally:
            self._tell_length(whole)

    def _tell_length(self, whole: bool) -> None:
        """On a full disk too, for it takes no room; but FLAC would be told samples that are not in it."""
        recording = self._recording
        if recording.file.is_file() and (whole or recording.format.name == "wav"):
            with _saving():  # WAV and FLAC have the samples' own rate
                write_length(recording.file, recording.format, round(recording.seconds * _PCM.rate))


async def _whole(work: Coroutine[Any, Any, None]) -> None:
    """Wait for a thread to its end even when cancelled: nobody else may touch what it works on before."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    finally:
        await asyncio.wait({task})


@contextmanager
def _saving() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"The sound could not be saved: {error.strerror or error}.", code="disk_full") from error


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def _read(path: Path, position: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(position)
            return file.read(_BLOCK)
    except FileNotFoundError:
        return b""
