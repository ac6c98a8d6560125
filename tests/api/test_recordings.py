"""Recordings: heard while they grow, kept in the format asked for, stopped inside the sentence."""

from __future__ import annotations

import asyncio
import errno
import gc
import io
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import av
import httpx
import pytest
import soundfile

from server.app import create_app
from server.errors import InvalidRequest, Unavailable
from server.settings import load_settings
from server.speech import recordings
from server.speech.recording import RecordingRequest
from server.speech.request import Delivery
from server.troupe import Troupe
from tests.running import Running

pytestmark = pytest.mark.api

Asking = Callable[[Troupe, httpx.AsyncClient], Awaitable[None]]


def serve(home: Path, asking: Asking, **environ: str) -> None:
    """Run ``asking`` on the loop of a server, as the studio's handlers do."""

    async def serving() -> None:
        app = create_app(load_settings(None, {"TROUPE_ENGINE__NAME": "tone", **environ}, home), instance="test")
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
        ):
            await asking(app.state.troupe, client)

    asyncio.run(serving())


def wish(text: str, **more: Any) -> RecordingRequest:
    return RecordingRequest(text, {"character": Delivery("low")}, **more)


async def ended(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    for _ in range(600):
        found = (await client.get(url)).json()
        if found["state"] != "making":
            return dict(found)
        await asyncio.sleep(0.02)
    raise AssertionError("it never ended")


@pytest.mark.parametrize("name", ["mp3", "wav", "flac", "opus"])
def test_it_is_made_in_the_format_asked_for(home: Path, name: str):
    async def asking(troupe: Troupe, client: httpx.AsyncClient) -> None:
        recording = troupe.recordings.start(wish("One two three. Four five six.", format=name))
        url = f"/api/recordings/{recording.id}"
        done = await ended(client, url)
        assert done["state"] == "done"
        assert done["done"] == 1
        assert done["error"] is None
        assert max(done["peaks"]) > 20
        file = await client.get(f"{url}/file")
        assert "attachment" in file.headers["content-disposition"]
        samples, rate = soundfile.read(io.BytesIO(file.content))
        assert len(samples) / rate == pytest.approx(done["seconds"], abs=0.1)
        part = await client.get(f"{url}/audio", headers={"range": "bytes=0-99"})
        assert (part.status_code, len(part.content)) == (206, 100)
        listed = (await client.get("/api/recordings")).json()["recordings"]
        assert [each["id"] for each in listed] == [recording.id]

    serve(home, asking)


def test_it_is_heard_while_it_is_made_and_stopped(home: Path):
    (home / "settings.yaml").write_text("engine: {options: {tone: {delay: 0.5}}}", encoding="utf-8")

    async def asking(troupe: Troupe, client: httpx.AsyncClient) -> None:
        recording = troupe.recordings.start(wish("Some words that take a while. " * 20))
        heard = b""
        async for data in troupe.recordings.listen(recording):
            heard += data
            if len(heard) > 20_000:
                break
        assert recording.state == "making"
        assert recording.first_sound is not None
        assert 0 < recording.done < 1
        assert (await client.get(f"/api/recordings/{recording.id}/file")).status_code == 404
        assert (await client.delete(f"/api/recordings/{recording.id}")).json() == {"stopped": True}
        assert (await client.delete(f"/api/recordings/{recording.id}")).json() == {"stopped": False}
        assert recording.state == "stopped"
        # What was made stays, whole: the listener gets the rest of it and the stream ends.
        rest = [data async for data in troupe.recordings.listen(recording)]
        assert b"".join(rest).startswith(heard)
        samples, rate = soundfile.read(recording.file)
        assert len(samples) / rate == pytest.approx(recording.seconds, abs=0.1)

    serve(home, asking)


def test_chapters_begin_where_they_are_heard(home: Path):
    async def asking(troupe: Troupe, client: httpx.AsyncClient) -> None:
        text = "Front matter.\n\n# One\nThe first chapter.\n\n# Two\nThe second chapter."
        recording = troupe.recordings.start(wish(text))
        done = await ended(client, f"/api/recordings/{recording.id}")
        assert [chapter["title"] for chapter in done["chapters"]] == ["One", "Two"]
        starts = [chapter["start"] for chapter in done["chapters"]]
        assert 0 < starts[0] < starts[1] < done["seconds"]

    serve(home, asking)


def test_a_failure_is_told_and_others_go_on(home: Path):
    async def asking(troupe: Troupe, client: httpx.AsyncClient) -> None:
        bad = troupe.recordings.start(wish("Then toneerror came."))
        good = troupe.recordings.start(wish("All is well."))
        failed = await ended(client, f"/api/recordings/{bad.id}")
        assert failed["state"] == "failed"
        assert failed["error"] == "The tone engine was asked to fail."
        assert (await ended(client, f"/api/recordings/{good.id}"))["state"] == "done"

    serve(home, asking)


@pytest.mark.parametrize("name", ["wav", "flac", "mp3"])
@pytest.mark.parametrize("end", ["from the first byte", "while it is spoken", "at the very end"])
def test_a_full_disk_is_told_and_what_is_there_can_be_heard(
    home: Path, name: str, end: str, monkeypatch: pytest.MonkeyPatch
):
    written = recordings._append
    room = {"from the first byte": 0, "while it is spoken": 5, "at the very end": 10_000}[end]
    unheard: list[dict[str, Any]] = []

    def append(path: Path, data: bytes) -> None:
        nonlocal room
        if room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        room -= 1
        written(path, data)

    async def asking(troupe: Troupe, client: httpx.AsyncClient) -> None:
        nonlocal room
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unheard.append(context))
        monkeypatch.setattr(recordings, "_append", append)
        recording = troupe.recordings.start(wish("Hello there. General Kenobi. " * 3, format=name))
        if end == "at the very end":
            speak = troupe.recordings._speak

            async def speak_and_fill(*given: Any) -> None:
                nonlocal room
                await speak(*given)
                room = 0

            monkeypatch.setattr(troupe.recordings, "_speak", speak_and_fill)

        async def changes() -> None:
            while recording.state == "making":
                assert await recording.changed.wait(10)

        await asyncio.wait_for(changes(), 20)
        shown = await ended(client, f"/api/recordings/{recording.id}")
        assert (shown["state"], recording.error.code) == ("failed", "disk_full")
        assert os.strerror(errno.ENOSPC) in shown["error"]
        assert not troupe.recordings._tasks
        if end == "from the first byte":
            assert not recording.file.exists()
        else:
            with av.open(str(recording.file)) as file:  # libsndfile reads no FLAC that does not know its length
                heard = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
            assert 0 < heard <= recording.seconds + 0.1
            if name == "wav":
                frames, _ = soundfile.read(recording.file)
                assert int.from_bytes(recording.file.read_bytes()[40:44], "little") == 2 * len(frames)

    serve(home, asking)
    gc.collect()
    assert unheard == []


def test_what_cannot_be_recorded_is_refused_at_once(home: Path):
    async def asking(troupe: Troupe, client: httpx.AsyncClient) -> None:
        await troupe.registry.ready(30)
        for request, reason in (
            (wish(" \n"), "nothing to say"),
            (wish("x" * 500_001), "at most 500,000"),
            (wish("Hello.", format="wma"), "Unsupported"),
            (RecordingRequest("Hello.", {"character": Delivery("nobody")}), "nobody"),
        ):
            with pytest.raises(InvalidRequest, match=reason):
                troupe.recordings.start(request)
        for _ in range(4):
            troupe.recordings.start(wish("Hello there. " * 50))
        with pytest.raises(Unavailable, match="already"):
            troupe.recordings.start(wish("Hello."))
        unknown = await client.get("/api/recordings/unknown")
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "recording_not_found")

    serve(home, asking)


def test_a_page_learns_of_changes_by_their_topic(served: Running, http: httpx.Client):
    def changed_by(change: Callable[[], object]) -> set[str]:
        before = http.get("/api/revisions").json()
        change()
        after = http.get("/api/revisions").json()
        return {topic for topic in after if after[topic] != before[topic]}

    assert changed_by(lambda: None) == set()
    assert changed_by(lambda: http.put("/api/openai-voicemap", json={"nova": "low"})) == {"map"}
    assert changed_by(lambda: http.put("/api/openai-voicemap", json={"nova": None})) == {"map"}
    assert changed_by(lambda: http.put("/api/lexicon", json={"entries": {"en": []}})) == {"lexicon"}
    assert changed_by(lambda: http.post("/api/voices", json={"name": "Mix", "blend": "low+high"})) == {"voices"}
    assert changed_by(lambda: http.delete("/api/voices/Mix")) == {"voices"}
    status = http.get("/api/status").json()
    assert status["state"] == "ready"
    assert {"memory", "recent", "log", "spoken", "restarts", "up"} <= status.keys()
