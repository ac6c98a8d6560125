"""What programs made for AllTalk rely on beyond the routes themselves."""

from __future__ import annotations

import io
import json
import re
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from server.api.alltalk_form import read_form
from server.api.alltalk_pages import INSTEAD
from server.api.families import ALLTALK_PAGES
from server.api.level import plain_path
from server.api.visit import Visit
from server.engines.table import ENGINES
from server.engines.tone import Tone
from tests.running import Running, running

pytestmark = pytest.mark.api

KEY = {"Authorization": "Bearer secret-of-this-test"}
CROSS_SITE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "audio"}


def generate(http: httpx.Client, *, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
    return http.post("/api/tts-generate", data={"text_input": "Hello.", **fields}, headers=headers)


def fixed(http: httpx.Client, name: str, text: str = "Hello.", headers: dict[str, str] | None = None) -> httpx.Response:
    """Speak into a file of that very name."""
    answer = generate(http, output_file_name=name, output_file_timestamp="false", text_input=text, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def seconds(wav: bytes) -> float:
    with wave.open(io.BytesIO(wav)) as sound:
        return sound.getnframes() / sound.getframerate()


@pytest.fixture(scope="module")
def keyed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that asks for a key, as on a network."""
    with running(tmp_path_factory.mktemp("keyed"), key="secret-of-this-test") as server:
        yield server


# The file's name


def test_without_a_timestamp_the_name_is_the_one_given(http: httpx.Client) -> None:
    body = fixed(http, "abc").json()
    assert (body["output_file_url"], body["output_cache_url"]) == ("/audio/abc.wav", "/audiocache/abc.wav")
    assert seconds(http.get("/audio/abc.wav").content) > 0.1


def test_the_next_sound_of_that_name_takes_its_place(http: httpx.Client) -> None:
    fixed(http, "again")
    before = http.get("/audio/again.wav")
    fixed(http, "again", "This is a much longer sentence than the one before it.")
    after = http.get("/audio/again.wav")
    assert seconds(after.content) > seconds(before.content) + 0.5
    assert after.headers["etag"] != before.headers["etag"]


@pytest.mark.parametrize("folder", ["audio", "audiocache"])
def test_no_browser_may_keep_a_sound_whose_name_is_used_again(http: httpx.Client, folder: str) -> None:
    fixed(http, "kept")
    answer = http.get(f"/{folder}/kept.wav", headers={"Range": "bytes=0-99"})
    assert answer.headers["cache-control"] == "private, no-cache"
    assert (answer.status_code, len(answer.content)) == (206, 100)


def test_who_still_reads_the_old_sound_gets_all_of_it(served: Running, http: httpx.Client) -> None:
    fixed(http, "read", "A long sentence " * 60)
    with served.http() as other, other.stream("GET", "/audio/read.wav") as answer:
        blocks = answer.iter_raw(4096)
        begun = next(blocks)
        fixed(http, "read", "Short.")
        whole = begun + b"".join(blocks)
    assert len(whole) == int(answer.headers["content-length"])
    assert seconds(whole) > 10


@pytest.mark.parametrize("name", ["con", "NUL", "com1", "../abc", "a-b", "a.b", "a" * 81])
def test_a_name_must_be_safe(http: httpx.Client, name: str) -> None:
    answer = generate(http, output_file_name=name, output_file_timestamp="false")
    assert answer.status_code == 400
    assert "output_file_name" in answer.json()["message"]


def test_a_name_that_can_be_guessed_is_no_permission(keyed: Running) -> None:
    with keyed.http() as http:
        body = fixed(http, "guessed", headers=KEY).json()
        for url in (body["output_file_url"], body["output_cache_url"], "/audio/there_is_none.wav"):
            refusal = http.get(url)
            assert (refusal.status_code, refusal.json()["status"]) == (401, "error")
            assert refusal.headers["www-authenticate"] == "Bearer"
        assert http.get(body["output_file_url"], headers=KEY).status_code == 200
        secret = generate(http, headers=KEY).json()["output_file_url"]
        assert http.get(secret).status_code == 200


def test_a_page_of_another_site_cannot_play_what_it_guesses(http: httpx.Client) -> None:
    fixed(http, "private")
    assert http.get("/audio/private.wav", headers=CROSS_SITE).status_code == 403
    assert http.get(generate(http).json()["output_file_url"], headers=CROSS_SITE).status_code == 200


def test_no_client_can_choose_a_name_of_the_other_kind(http: httpx.Client) -> None:
    for _ in range(20):
        name = generate(http, output_file_name="a").json()["output_file_url"].rpartition("/")[2]
        assert not re.fullmatch(r"[A-Za-z0-9_]+\.wav", name)


# Where the file lies


@pytest.mark.parametrize("route", ["/api/tts-generate", "/api/previewvoice"])
def test_a_program_of_this_machine_can_open_the_file(http: httpx.Client, route: str) -> None:
    body = http.post(route, data={"text_input": "Hello.", "voice": "low"}).json()
    path = Path(body["output_file_path"])
    assert path.is_absolute()
    assert path.read_bytes() == http.get(body["output_file_url"]).content


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:8000"},
        {"Sec-Fetch-Site": "same-origin"},
        {"X-Forwarded-For": "192.168.1.9"},
        {"Forwarded": "for=192.168.1.9"},
        {"Via": "1.1 tunnel"},
    ],
)
def test_others_learn_its_name_alone(http: httpx.Client, headers: dict[str, str]) -> None:
    body = generate(http, headers=headers).json()
    assert body["output_file_path"] == body["output_file_url"].removeprefix("/audio/")


@pytest.mark.parametrize(
    ("peer", "address", "here"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.8.9.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "::", True),
        ("192.168.1.5", "192.168.1.5", True),
        ("192.168.1.9", "192.168.1.5", False),
        ("172.17.0.1", "172.17.0.2", False),
        ("", "", False),
        ("testclient", "testserver", False),
    ],
)
def test_who_is_on_this_machine(peer: str, address: str, here: bool) -> None:
    scope = {"path": "/", "headers": [], "client": (peer, 50_000), "server": (address, 7851)}
    assert Visit.of(scope).from_program_here is here


def test_a_connection_without_addresses_is_from_nowhere() -> None:
    assert not Visit.of({"path": "/", "headers": [], "client": None}).from_program_here


# Bodies without a word about what they are

SPEECH = json.dumps({"model": "any", "input": "Hello.", "voice": "nova", "response_format": "wav"}).encode()
FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}


LOUD_FORM_TYPE = {"Content-Type": "Application/X-WWW-Form-Urlencoded; charset=utf-8"}


@pytest.mark.parametrize("headers", [{}, FORM_TYPE, LOUD_FORM_TYPE])
def test_a_program_need_not_say_that_it_sends_json(http: httpx.Client, headers: dict[str, str]) -> None:
    answer = http.post("/v1/audio/speech", content=SPEECH, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.content[:4] == b"RIFF"
    answer = http.put("/api/openai-voicemap", content=b'{"cedar": null}', headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "browser",
    [
        {"Origin": "http://localhost:8000"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "empty"},
    ],
)
@pytest.mark.parametrize("said", [{}, FORM_TYPE, {"Content-Type": "text/plain"}])
def test_a_web_page_must_say_it(http: httpx.Client, browser: dict[str, str], said: dict[str, str]) -> None:
    answer = http.post("/v1/audio/speech", content=SPEECH, headers={**browser, **said})
    assert answer.status_code == 415
    assert "'application/json'" in answer.json()["error"]["message"]
    answer = http.put("/api/openai-voicemap", content=b'{"cedar": null}', headers={**browser, **said})
    assert answer.status_code == 415


@pytest.mark.parametrize(("said", "words"), [({}, "none was given"), (FORM_TYPE, "x-www-form-urlencoded")])
def test_what_is_no_json_is_told_what_was_missing(http: httpx.Client, said: dict[str, str], words: str) -> None:
    answer = http.post("/v1/audio/speech", content=b"input=Hello&voice=nova", headers=said)
    assert answer.status_code == 415
    assert words in answer.json()["error"]["message"]


def test_other_json_routes_still_want_the_header(http: httpx.Client) -> None:
    assert http.post("/api/narrations", content=b"{}").status_code == 415


# Slashes


@pytest.mark.parametrize("path", ["/v1/audio/speech", "//v1/audio/speech", "/v1//audio/speech", "/v1/audio/speech/"])
def test_a_base_url_may_end_in_a_slash(http: httpx.Client, path: str) -> None:
    """httpx and requests follow no redirect of a POST with its body, so there must be none."""
    answer = http.post(f"{str(http.base_url).rstrip('/')}{path}", json=json.loads(SPEECH))
    assert answer.status_code == 200, answer.text
    assert answer.content[:4] == b"RIFF"


@pytest.mark.parametrize("path", ["//api/ready", "/api/ready/", "/api//ready", "///api///ready//"])
def test_so_may_a_host(http: httpx.Client, path: str) -> None:
    assert http.get(f"{str(http.base_url).rstrip('/')}{path}").content == b"Ready"


def test_lists_and_files_too(http: httpx.Client) -> None:
    base = str(http.base_url).rstrip("/")
    assert http.get(f"{base}/api/voices/").json()["status"] == "success"
    url = generate(http).json()["output_file_url"]
    assert http.get(f"{base}/{url}").content[:4] == b"RIFF"


@pytest.mark.parametrize(
    ("path", "family"),
    [("//v1/nothing", "openai"), ("/v1//", "openai"), ("//api/nothing", "openai"), ("//audio/nothing.wav", "alltalk")],
)
def test_what_is_not_there_is_told_in_the_shape_of_the_path(http: httpx.Client, path: str, family: str) -> None:
    answer = http.get(f"{str(http.base_url).rstrip('/')}{path}")
    assert answer.status_code == 404
    body = answer.json()
    assert set(body) == ({"error"} if family == "openai" else {"status", "error", "message"})


@pytest.mark.parametrize(
    "path", ["//api/voices", "/api//voices", "/api/voices/", "//audio//guessed.wav", "/v1//models//x"]
)
def test_the_gate_looks_at_the_path_that_is_routed(keyed: Running, path: str) -> None:
    with keyed.http() as http:
        assert http.get(f"{keyed.url}{path}").status_code == 401
        assert http.get(f"{keyed.url}{path}", headers=KEY).status_code in (200, 404)


@pytest.mark.parametrize("path", ["//api/ready", "/v1//models", "/v1/audio/voices/"])
def test_what_is_open_is_open_with_slashes(keyed: Running, path: str) -> None:
    with keyed.http() as http:
        assert http.get(f"{keyed.url}{path}").status_code == 200


@pytest.mark.parametrize("path", ["/", "//", "/gradio_api/queue/data/", "//theme.css", "/apis//x/", "/audiobooks/"])
def test_paths_of_the_studio_are_left_alone(path: str) -> None:
    assert plain_path(path) == path


# What is not here


@pytest.mark.parametrize("path", sorted(INSTEAD))
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_routes_of_alltalk_s_own_pages_say_what_to_use(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, path)
    assert answer.status_code == 404
    body = answer.json()
    assert set(body) == {"status", "error", "message"}
    assert body["message"] == f"AllTalk's {path} is not in Troupe. {INSTEAD[path]}."


def test_each_of_them_has_its_word() -> None:
    assert set(INSTEAD) == ALLTALK_PAGES


# Models


def test_only_engines_that_are_installed_are_models(tmp_path: Path) -> None:
    bare = {"tone": ENGINES["tone"], "bare": "tests.api.test_alltalk_contract:NotInstalled"}
    with running(tmp_path, engines=bare) as server, server.http() as http:
        listed = [model["id"] for model in http.get("/v1/models").json()["data"]]
        assert listed[0] == "tts-1"
        assert listed[-1] == "tone"
        assert "bare" not in listed
        assert [model["id"] for model in http.get("/v1/audio/models").json()["models"]] == listed
        assert http.get("/v1/models/bare").status_code == 404
        assert http.get("/v1/models/tone").status_code == 200


class NotInstalled(Tone):
    """An engine that is in the table while its packages are not there."""

    capabilities = replace(Tone.capabilities, name="bare", modules=("no_such_module_anywhere",))


# Names that clients have kept from AllTalk


def test_voices_and_rvc_voices_are_found_by_alltalk_s_names(tmp_path: Path) -> None:
    (tmp_path / "rvc" / "Witch").mkdir(parents=True)
    (tmp_path / "rvc" / "Witch" / "Witch.pth").touch()
    with running(tmp_path, rvc__enabled="true") as server, server.http() as http:
        for voice in ("low.onnx", "voiceset:low", "low.wav"):
            assert generate(http, character_voice_gen=voice).status_code == 200
        assert "'gone'" in generate(http, character_voice_gen="voiceset:gone").json()["message"]
        form = read_form({"text_input": "Hi.", "rvccharacter_voice_gen": "Witch\\Witch.pth"})
        assert form.rvccharacter_voice_gen in server.troupe.rvc_voices()
        refusal = generate(http, rvccharacter_voice_gen="Witch/Ghost.pth")
        assert (refusal.status_code, "'Ghost'" in refusal.json()["message"]) == (400, True)
