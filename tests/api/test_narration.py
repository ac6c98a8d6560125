"""docs/narration.md against the server: every body and event."""

from __future__ import annotations

import io
import json
import random
import re
import threading
import time
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.speech.clip import Clip, ClipMaker
from server.speech.lane import Turn
from server.speech.rendition import Line
from tests.running import Running, running, wait_for

pytestmark = pytest.mark.api

ROOT = Path(__file__).parents[2]
TEXT = '*She looks up.* "Oh, it\'s you 😀! I did not hear you." *A pause.* "Sit down, then. Tea?"'
CAST = {"narrator": {"voice": "onyx"}, "character": {"voice": "nova"}}


def open_narration(http: httpx.Client, **body: object) -> dict[str, Any]:
    answer = http.post("/api/narrations", json={"cast": CAST, **body})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def push(
    http: httpx.Client, narration: Mapping[str, Any], offset: int, text: str, final: bool = False
) -> httpx.Response:
    body = {"offset": offset, "text": text, "final": final}
    return http.post(f"{narration['url']}/text", json=body)


def events(http: httpx.Client, narration: Mapping[str, Any], after: int = 0) -> list[tuple[int, str, dict[str, Any]]]:
    """All events until the stream ends."""
    headers = {"Last-Event-ID": str(after)} if after else {}
    found = []
    with http.stream("GET", narration["events_url"], headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for block in "".join(answer.iter_text()).split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if fields:
                found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


def utf16(text: str, start: int, end: int) -> str:
    return text.encode("utf-16-le")[start * 2 : end * 2].decode("utf-16-le", "replace")


def test_the_documented_bodies_are_the_real_ones(http: httpx.Client) -> None:
    page = (ROOT / "docs" / "narration.md").read_text(encoding="utf-8")
    bodies = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    request, answer, text, progress = bodies
    request["cast"]["Seraphina"]["voice"] = "high(2)+low(1)"
    created = http.post("/api/narrations", json=request)
    assert created.status_code == 201, created.text
    assert set(created.json()) == set(answer)
    pushed = http.post(f"{created.json()['url']}/text", json=text)
    assert set(pushed.json()) == set(progress)
    assert pushed.json()["length"] == progress["length"] == len(text["text"])
    push(http, created.json(), 29, '."', final=True)
    documented = json.loads(re.findall(r"event: clip\ndata: (.*)", page)[0])
    clip = events(http, created.json())[0]
    assert clip[1] == "clip"
    assert set(clip[2]) == set(documented)
    assert set(clip[2]["words"][0]) == set(documented["words"][0])
    state = http.get(created.json()["url"]).json()
    fields = re.search(r"`GET /api/narrations/\{id\}`: `\{(.*?)\}`", page)
    assert fields
    assert set(state) == set(re.findall(r'"(\w+)"', fields[1])) - {"open", "done", "cancelled"}
    assert http.delete(created.json()["url"]).json() == {"cancelled": False}


def test_roles_ranges_and_words(http: httpx.Client) -> None:
    narration = open_narration(http, text=TEXT, final=True, format="wav")
    found = events(http, narration)
    clips = [data for _, name, data in found if name == "clip"]
    assert [clip["index"] for clip in clips] == list(range(len(clips)))
    assert [clip["role"] for clip in clips][:2] == ["narrator", "character"]
    for clip in clips:
        spoken = utf16(TEXT, clip["start"], clip["end"])
        assert clip["text"].split()[0].strip('",.!?') in spoken
        for word in clip["words"]:
            assert clip["start"] <= word["from"] < word["to"] <= clip["end"]
            assert 0 <= word["start"] < word["end"] <= clip["duration"] + 0.01
    assert "Sit" in utf16(TEXT, clips[-2]["words"][0]["from"], clips[-2]["words"][0]["to"])
    assert found[-1][1] == "done"
    assert found[-1][2]["clips"] == len(clips)
    assert [number for number, _, _ in found] == list(range(1, len(found) + 1))


def test_pieces_of_any_size_make_the_same_clips(http: httpx.Client) -> None:
    everything = events(http, open_narration(http, text=TEXT, final=True))
    whole = [data["text"] for _, name, data in everything if name == "clip"]
    rng = random.Random(5)
    units = TEXT.encode("utf-16-le")
    for _ in range(5):
        narration, at = open_narration(http), 0
        while at < len(units) // 2:
            step = rng.randint(1, 9)
            piece = units[at * 2 : (at + step) * 2].decode("utf-16-le", "surrogatepass")
            body = json.dumps({"offset": at, "text": piece})
            answer = http.post(f"{narration['url']}/text", content=body, headers={"content-type": "application/json"})
            assert answer.json()["length"] == min(at + step, len(units) // 2)
            at += step
        push(http, narration, len(units) // 2, "", final=True)
        assert [d["text"] for _, n, d in events(http, narration) if n == "clip"] == whole


def test_repeated_lost_and_changed_pushes(tmp_path: Path) -> None:
    with running(tmp_path, narration__ahead="0") as server, server.http() as http:
        narration = open_narration(http)
        first = "First sentence here. Second sentence here. And "
        assert push(http, narration, 0, first).json()["length"] == len(first)
        assert push(http, narration, 0, first).json()["length"] == len(first)
        assert push(http, narration, 0, first[:10]).json()["length"] == len(first)
        gap = push(http, narration, 99, "lost")
        assert gap.status_code == 409
        assert gap.json()["error"]["code"] == "text_gap"
        assert gap.json()["length"] == len(first)
        wait_for(lambda: http.get(narration["url"]).json()["clips"] == 2)
        push(http, narration, len(first), "a tail to be changed. Third. ")
        changed = push(http, narration, 0, first + "another ending. ")
        assert changed.status_code == 200
        assert changed.json()["length"] == len(first + "another ending. ")
        spoken = push(http, narration, 0, "Something else altogether.")
        assert spoken.status_code == 409
        assert spoken.json()["error"]["code"] == "already_spoken"
        assert spoken.json()["spoken_until"] > 0
        length = push(http, narration, 0, "").json()["length"]
        push(http, narration, length, "", final=True)
        assert push(http, narration, length, "more").json()["error"]["code"] == "already_final"
        assert push(http, narration, 0, first).status_code == 200
        http.get(f"{narration['url']}/clips/0")
        texts = [data["text"] for _, name, data in events(http, narration) if name == "clip"]
        assert texts == ["First sentence here.", "Second sentence here.", "And another ending."]


def test_text_behind_what_is_spoken_can_be_replaced(tmp_path: Path) -> None:
    with running(tmp_path, engine__options='{"tone": {"delay": 3.0}}') as server, server.http() as http:
        narration = open_narration(http)
        text = "One two three four. Five six seven eight. Nine ten eleven twelve. "
        push(http, narration, 0, text)
        wait_for(lambda: push(http, narration, len(text), "").json()["spoken_until"] > 0)
        at = text.index("Nine")
        answer = push(http, narration, at, "Thirteen. ", final=True)
        assert answer.status_code == 200
        assert answer.json()["length"] == at + 10
        said = " ".join(data["text"] for _, name, data in events(http, narration) if name == "clip")
        assert said == "One two three four. Five six seven eight. Thirteen."


def test_context_keeps_a_quote_open(http: httpx.Client) -> None:
    narration = open_narration(
        http, context='She said: "I was about', unmarked="narrator", text=' to leave." Then she sat.', final=True
    )
    clips = [data for _, name, data in events(http, narration) if name == "clip"]
    assert [clip["role"] for clip in clips] == ["character", "narrator"]
    assert clips[0]["start"] <= 1


def test_skip_and_unmarked(http: httpx.Client) -> None:
    def said(**body: object) -> list[str]:
        narration = open_narration(http, text='*Nods.* "Yes." Plain.', final=True, **body)
        return [data["text"] for _, name, data in events(http, narration) if name == "clip"]

    assert said(skip=["actions"]) == ["Yes.", "Plain."]
    assert said(skip=["speech"], unmarked="silent") == ["Nods."]
    assert said(skip=["speech", "actions"]) == ["Plain."]


def test_group_members_speak_for_themselves(http: httpx.Client) -> None:
    cast = {**CAST, "Bob": {"voice": "low"}}
    narration = open_narration(http, cast=cast, text='Hello there.\nBob: Good day.', final=True)
    assert [d["role"] for _, n, d in events(http, narration) if n == "clip"] == ["character", "Bob"]


def test_clips_and_the_whole(http: httpx.Client) -> None:
    narration = open_narration(http, text=TEXT, final=True, format="wav")
    clips = [data for _, name, data in events(http, narration) if name == "clip"]
    total = 0.0
    for clip in clips:
        answer = http.get(clip["url"])
        assert answer.headers["content-type"] == "audio/wav"
        with wave.open(io.BytesIO(answer.content)) as sound:
            assert sound.getnframes() / sound.getframerate() == pytest.approx(clip["duration"], abs=0.002)
        total += clip["duration"]
    part = http.get(clips[0]["url"], headers={"Range": "bytes=0-43"})
    assert (part.status_code, len(part.content)) == (206, 44)
    assert http.head(clips[0]["url"]).headers["content-length"] == str(len(http.get(clips[0]["url"]).content))
    whole = http.get(narration["audio_url"], params={"format": "pcm"})
    assert len(whole.content) / 48000 == pytest.approx(total, abs=0.05)
    rest = http.get(narration["audio_url"], params={"format": "pcm", "from": 1})
    assert len(rest.content) / 48000 == pytest.approx(total - clips[0]["duration"], abs=0.05)
    assert http.get(f"{narration['url']}/clips/99").status_code == 404


def test_events_are_replayed(http: httpx.Client) -> None:
    narration = open_narration(http, text=TEXT, final=True)
    everything = events(http, narration)
    assert events(http, narration, after=2) == everything[2:]


def test_a_broken_clip_is_told_and_the_next_goes_on(http: httpx.Client) -> None:
    narration = open_narration(http, text="Fine so far. Now toneerror comes. Fine again.", final=True)
    found = events(http, narration)
    assert [name for _, name, _ in found] == ["clip", "clip_failed", "clip", "done"]
    assert set(found[1][2]["error"]) == {"message", "type", "param", "code"}
    assert found[-1][2]["failed"] == 1


def test_remapping_changes_a_running_narration(http: httpx.Client, served: Running) -> None:
    narration = open_narration(http, format="pcm")
    push(http, narration, 0, "Hello one. ")
    wait_for(lambda: http.get(narration["url"]).json()["clips"] == 0 or True)
    http.put("/api/openai-voicemap", json={"nova": "deep"})
    try:
        push(http, narration, 11, "Hello two. ", final=True)
        clips = [data for _, name, data in events(http, narration) if name == "clip"]
        sounds = [http.get(clip["url"]).content for clip in clips]
        assert sounds[0] != sounds[1]
    finally:
        http.put("/api/openai-voicemap", json={"nova": None})


def test_cancel_stops_inside_the_sentence(tmp_path: Path) -> None:
    with running(tmp_path, engine__options='{"tone": {"delay": 20.0}}') as server, server.http() as http:
        narration = open_narration(http, text="A very long sentence that takes minutes to be made. ", final=True)
        wait_for(lambda: http.get(narration["url"]).json()["spoken_until"] > 0)
        assert http.delete(narration["url"]).json() == {"cancelled": True}
        assert http.delete(narration["url"]).json() == {"cancelled": False}
        assert events(http, narration)[-1][1:] == ("cancelled", {"reason": "deleted"})
        assert push(http, narration, 99, "x").status_code == 409
        started = time.monotonic()
        server.troupe.settings.now.engine.options["tone"]["delay"] = 0.0
        spoken = http.post("/v1/audio/speech", json={"model": "x", "input": "Hi.", "voice": "nova"})
        assert spoken.status_code == 200
        assert time.monotonic() - started < 5


def test_the_audio_stream_is_cut_when_cancelled(tmp_path: Path) -> None:
    with running(tmp_path) as server, server.http() as http:
        narration = open_narration(http, text="One. Two")
        wait_for(lambda: http.get(narration["url"]).json()["clips"] == 1)
        with http.stream("GET", narration["audio_url"], params={"format": "pcm"}) as answer, server.http() as other:
            sound = answer.iter_raw()
            next(sound)
            other.delete(narration["url"])
            with pytest.raises(httpx.RemoteProtocolError):
                list(sound)


def test_work_runs_ahead_by_a_bounded_amount(tmp_path: Path) -> None:
    with running(tmp_path, narration__ahead="2") as server, server.http() as http:
        text = "This is one sentence of several words. " * 20
        narration = open_narration(http, text=text, final=True, format="pcm")
        time.sleep(1.0)
        made = http.get(narration["url"]).json()["clips"]
        assert 2 <= made <= 4
        for index in range(made):
            http.get(f"{narration['url']}/clips/{index}")
        wait_for(lambda: http.get(narration["url"]).json()["clips"] > made)


def test_a_session_nobody_reads_ends(tmp_path: Path) -> None:
    with running(tmp_path, narration__idle_seconds="5") as server, server.http() as http:
        narration = open_narration(http)
        server.troupe.narrations.find(narration["id"])._seen -= 10
        assert events(http, open_narration(http, text="Hi.", final=True))[-1][1] == "done"
        wait_for(lambda: http.get(narration["url"]).json()["state"] == "cancelled")
        assert events(http, narration)[-1][2] == {"reason": "unread"}


def test_limits(tmp_path: Path) -> None:
    with running(tmp_path, narration__max_sessions="2", narration__max_text="100") as server, server.http() as http:
        narration = open_narration(http)
        open_narration(http)
        refused = http.post("/api/narrations", json={"cast": CAST})
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "too_many_narrations"
        assert refused.headers["retry-after"]
        long = push(http, narration, 0, "x" * 101)
        assert (long.status_code, long.json()["error"]["code"]) == (400, "text_too_long")
        codes = {push(http, narration, 0, "").status_code for _ in range(260)}
        assert codes <= {200, 503}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"cast": {"narrator": {"voice": "bob"}}}, "cast.narrator.voice"),
        ({"cast": {"narrator": {"speed": 9}}}, "cast.narrator.speed"),
        ({"cast": {"narrator": {"tempo": 1}}}, "cast.narrator.tempo"),
        ({"format": "mp4"}, "response_format"),
        ({"unmarked": "both"}, "unmarked"),
        ({"skip": ["everything"]}, "skip.0"),
        ({"markup": "rtf"}, "markup"),
    ],
)
def test_refusals(http: httpx.Client, body: dict[str, object], param: str) -> None:
    answer = http.post("/api/narrations", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_unknown_ids(http: httpx.Client) -> None:
    for method, path in [("GET", ""), ("DELETE", ""), ("GET", "/events"), ("GET", "/audio"), ("GET", "/clips/0")]:
        assert http.request(method, f"/api/narrations/nosuch{path}").status_code == 404


def test_two_listeners_hear_the_same(http: httpx.Client) -> None:
    narration = open_narration(http)
    heard: list[list[Any]] = []

    def listen() -> None:
        with httpx.Client(base_url=http.base_url, timeout=30) as client:
            heard.append(events(client, narration))

    threads = [threading.Thread(target=listen) for _ in range(2)]
    for thread in threads:
        thread.start()
    push(http, narration, 0, TEXT, final=True)
    for thread in threads:
        thread.join()
    assert heard[0] == heard[1]
    assert heard[0][-1][1] == "done"




def test_a_final_push_that_ends_earlier_cuts_the_tail(tmp_path: Path) -> None:
    with running(tmp_path, narration__ahead="0") as server, server.http() as http:
        narration = open_narration(http)
        push(http, narration, 0, "One here. Two here. Three is to be trimmed. Four")
        wait_for(lambda: http.get(narration["url"]).json()["clips"] == 2)
        answer = push(http, narration, len("One here. Two here."), "", final=True)
        assert answer.json()["length"] == len("One here. Two here.")
        texts = [data["text"] for _, name, data in events(http, narration) if name == "clip"]
        assert texts == ["One here.", "Two here."]


def test_a_guess_is_made_for_each_sentence_and_is_what_it_is_spoken_in(
    http: httpx.Client, served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: list[tuple[str, str]] = []
    make = ClipMaker.make

    async def heard(self: ClipMaker, turn: Turn, line: Line, *more: Any) -> Clip:
        spoken.append((line.rendition.language, line.piece.text))
        return await make(self, turn, line, *more)

    monkeypatch.setattr(ClipMaker, "make", heard)
    narration = open_narration(http, language="auto")
    text = '"'
    push(http, narration, 0, text)
    for more in ("Ich habe 3 Hunde. Ja, 21! ", 'Nr. 5!" *And the 21 cats?* "Und die 21 Katzen?"'):
        push(http, narration, len(text), more, final="cats" in more)
        text += more
    assert events(http, narration)[-1][1] == "done"
    assert sorted(spoken) == sorted([
        ("de", "Ich habe drei Hunde."),
        ("de", "Ja, einundzwanzig!"),
        ("de", "Nummer fünf!"),
        ("en", "And the twenty-one cats?"),
        ("de", "Und die einundzwanzig Katzen?"),
    ])  # fmt: skip


def test_a_guessed_language_is_that_of_the_text(http: httpx.Client) -> None:
    narration = open_narration(http, language="auto", text="Ich habe 3 Hunde und 21 Katzen.", final=True)
    (clip,) = (data for _, name, data in events(http, narration) if name == "clip")
    assert clip["text"] == "Ich habe drei Hunde und einundzwanzig Katzen."
