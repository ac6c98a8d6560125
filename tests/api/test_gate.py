"""The gate, asked in raw ASGI: who is answered, who is refused, and what an answer is marked with."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from server.api.policy import LOGIN_PATH, GatePolicy
from server.api.security import Cut, Gate
from server.keyfile import COOKIE, cookie_for

pytestmark = pytest.mark.api

KEY = "k" * 43
HOME = GatePolicy(host_names=frozenset({"box", "box.local"}))
MACHINE = GatePolicy(machine_names=frozenset({"box", "box.local", "host.docker.internal"}))
LISTED = replace(HOME, origins=frozenset({"https://chat.example", "null", "chrome-extension://abc"}))
NETWORK = replace(HOME, network=True, key=KEY, host_names=frozenset({"box", "voice.example"}))
KEYED = replace(HOME, key=KEY)

Headers = dict[str, str] | list[tuple[str, str]]


@dataclass
class Answered:
    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    complete: bool = False
    scope: dict[str, Any] = field(default_factory=dict)
    """What the application was given; empty where it was not asked."""

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name]
        assert len(found) <= 1, f"{name} twice: {found}"
        return found[0] if found else None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    policy: GatePolicy,
    method: str = "GET",
    path: str = "/v1/models",
    headers: Headers = (),
    *,
    body: bytes | list[bytes] = b"",
    app: Callable | None = None,
    host: str | None = "127.0.0.1:7851",
    gate: Gate | None = None,
) -> Answered:
    """One request through the gate, as a server would hand it on."""
    return asyncio.run(asking(policy, method, path, headers, body=body, app=app, host=host, gate=gate))


async def asking(
    policy, method="GET", path="/v1/models", headers=(), *, body=b"", app=None, host=None, gate=None
):
    answered = Answered()
    pairs = list(headers.items()) if isinstance(headers, dict) else list(headers)
    if host is not None:
        pairs.insert(0, ("host", host))
    chunks = [body] if isinstance(body, bytes) else list(body)

    async def default(scope, receive, send) -> None:
        answered.scope = scope
        while (message := await receive())["type"] == "http.request" and message.get("more_body"):
            pass
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
        )
        await send({"type": "http.response.body", "body": b"fine"})

    async def receive():
        if chunks:
            chunk = chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}
        await asyncio.Event().wait()

    async def send(message) -> None:
        if message["type"] == "http.response.start":
            answered.status = message["status"]
            answered.headers = [(k.decode(), v.decode()) for k, v in message["headers"]]
        elif message["type"] == "http.response.body":
            answered.body += message.get("body", b"")
            answered.complete = not message.get("more_body", False)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in pairs],
    }
    await (gate or Gate(app or default, policy))(scope, receive, send)
    return answered


HOSTS = [
    # policy, Host, status
    (HOME, "127.0.0.1:7851", 200),
    (HOME, "127.0.0.1", 200),
    (HOME, "127.8.9.10:7851", 200),
    (HOME, "localhost:7851", 200),
    (HOME, "LOCALHOST", 200),
    (HOME, "localhost.:7851", 200),
    (HOME, "troupe.localhost:7851", 200),
    (HOME, "[::1]:7851", 200),
    (HOME, "[::1]", 200),
    (HOME, "[::ffff:127.0.0.1]:7851", 200),
    (HOME, "host.docker.internal:7851", 200),
    (HOME, "box:7851", 200),
    (HOME, "BOX.local", 200),
    (HOME, "evil.example", 421),
    (HOME, "evil.example:7851", 421),
    (HOME, "127.0.0.1.evil.example", 421),
    (HOME, "localhost.evil.example:7851", 421),
    (HOME, "evillocalhost", 421),
    (HOME, "localhost@evil.example", 421),
    (HOME, "evil.example/?x=localhost", 421),
    (HOME, "evil.example#localhost", 421),
    (HOME, "evil.example\\localhost", 421),
    (HOME, "localhost evil.example", 421),
    (HOME, "localhost, evil.example", 421),
    (HOME, "localhost:", 421),
    (HOME, "localhost:port", 421),
    (HOME, "localhost:7851/v1/models?", 421),
    (HOME, "2130706433", 421),
    (HOME, "0x7f.1", 421),
    (HOME, "127.1", 421),
    (HOME, "0.0.0.0:7851", 421),
    (HOME, "[::]:7851", 421),
    (HOME, "", 421),
    (HOME, " ", 421),
    (HOME, ".localhost", 421),
    (HOME, "box.evil.example", 421),
    (HOME, "192.168.1.5:7851", 421),
    (HOME, "10.0.0.1", 421),
    (HOME, "169.254.169.254", 421),
    (HOME, "8.8.8.8", 421),
    (HOME, "l\xf6calhost", 421),
    (NETWORK, "192.168.1.5:7851", 200),
    (NETWORK, "10.1.2.3", 200),
    (NETWORK, "172.16.0.9:7851", 200),
    (NETWORK, "100.101.102.103:7851", 200),
    (NETWORK, "[fd00::5]:7851", 200),
    (NETWORK, "[fe80::1]:7851", 200),
    (NETWORK, "voice.example", 200),
    (NETWORK, "127.0.0.1", 200),
    (NETWORK, "8.8.8.8", 421),
    (NETWORK, "[2606:4700::1111]", 421),
    (NETWORK, "0.0.0.0", 421),
    (NETWORK, "224.0.0.1", 421),
    (NETWORK, "evil.example", 421),
]


@pytest.mark.parametrize(("policy", "host", "status"), HOSTS)
def test_host(policy, host, status):
    answered = ask(policy, host=host)
    assert answered.status == status
    assert bool(answered.scope) == (status == 200), "a refused request reaches nothing"
    if status == 421:
        assert "--host-name" in answered.json["error"]["message"]
        assert "--listen" in answered.json["error"]["message"]


@pytest.mark.parametrize("headers", [[], [("host", "localhost"), ("host", "localhost")]])
def test_host_exactly_once(headers):
    assert ask(HOME, headers=headers, host=None).status == 421


def test_a_forwarded_host_is_no_host():
    assert ask(HOME, headers={"x-forwarded-host": "localhost"}, host="evil.example").status == 421
    kept = ask(HOME, headers={"x-forwarded-host": "box.local"}).scope["headers"]
    dropped = ask(HOME, headers={"x-forwarded-host": "evil.example"}).scope["headers"]
    assert (b"x-forwarded-host", b"box.local") in kept
    assert not [name for name, _ in dropped if name == b"x-forwarded-host"]


ORIGINS = [
    (HOME, "http://127.0.0.1:8000", 200),
    (HOME, "http://localhost:8000", 200),
    (HOME, "http://127.0.0.1:7860", 200),
    (HOME, "http://[::1]:8000", 200),
    (HOME, "https://localhost", 200),
    (HOME, "http://box.local:8000", 200),
    (HOME, "http://host.docker.internal:3000", 403),
    (MACHINE, "http://box:8000", 403),
    (MACHINE, "http://box.local:7851", 403),
    (replace(MACHINE, network=True), "http://box:8000", 200),
    (replace(MACHINE, network=True), "http://box.local:8000", 200),
    (replace(MACHINE, network=True), "http://host.docker.internal:3000", 200),
    (replace(MACHINE, origins=frozenset({"http://box.local:8000"})), "http://box.local:8000", 200),
    (replace(MACHINE, host_names=frozenset({"box"})), "http://box:8000", 200),
    (HOME, "https://evil.example", 403),
    (HOME, "http://localhost.evil.example", 403),
    (HOME, "http://127.0.0.1.evil.example:8000", 403),
    (HOME, "http://localhost@evil.example", 403),
    (HOME, "http://user@localhost", 403),
    (HOME, "http://localhost/path", 403),
    (HOME, "http://localhost#x", 403),
    (HOME, "http://[::1", 403),
    (HOME, "null", 403),
    (HOME, "", 403),
    (HOME, "file://", 403),
    (HOME, "file:///home", 403),
    (HOME, "chrome-extension://abc", 403),
    (HOME, "moz-extension://abc", 403),
    (HOME, "ftp://localhost", 403),
    (HOME, "localhost", 403),
    (HOME, "http://192.168.1.5:8000", 403),
    (HOME, "https://chat.example", 403),
    (LISTED, "https://chat.example", 200),
    (LISTED, "null", 200),
    (LISTED, "chrome-extension://abc", 200),
    (LISTED, "https://chat.example:444", 403),
    (LISTED, "http://chat.example", 403),
    (LISTED, "https://chat.example.evil.example", 403),
    (LISTED, "chrome-extension://abd", 403),
    (NETWORK, "http://192.168.1.5:8000", 200),
    (NETWORK, "https://evil.example", 403),
]


@pytest.mark.parametrize(("policy", "origin", "status"), ORIGINS)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_origin(policy, origin, status, method):
    headers = {"origin": origin, "sec-fetch-site": "cross-site", "authorization": f"Bearer {KEY}"}
    answered = ask(policy, method, "/v1/audio/speech", headers)
    assert answered.status == status
    assert bool(answered.scope) == (status == 200)
    if status == 403:
        assert "--allow-origin" in answered.json["error"]["message"]
        assert answered.json["error"]["code"] == "origin_not_allowed"
        assert answered.header("access-control-allow-origin") is None
    else:
        assert answered.header("access-control-allow-origin") == origin
        assert "x-request-id" in answered.header("access-control-expose-headers")
    assert answered.header("access-control-allow-credentials") is None
    assert answered.header("vary") == "Origin"


def test_two_origins_are_refused():
    twice = [("origin", "http://localhost:8000"), ("origin", "http://localhost:8000")]
    assert ask(HOME, headers=twice).status == 403


NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
AUDIO = {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "audio"}
CROSS_SITE = [
    # method, path, Sec-Fetch headers besides cross-site, status
    ("GET", "/v1/models", {}, 403),
    ("POST", "/v1/audio/speech", {}, 403),
    ("POST", "/api/tts-generate", {}, 403),
    ("GET", "/v1/models", {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, 403),
    ("GET", "/", NAVIGATION, 200),
    ("GET", LOGIN_PATH, NAVIGATION, 200),
    ("POST", "/", NAVIGATION, 403),
    ("HEAD", "/", NAVIGATION, 403),
    ("GET", "/", {**NAVIGATION, "sec-fetch-dest": "iframe"}, 403),
    ("GET", "/", {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"}, 403),
    ("GET", "/docs", NAVIGATION, 403),
    ("GET", "/api/ready", NAVIGATION, 403),
    ("GET", "/audio/0123.wav", AUDIO, 200),
    ("HEAD", "/audio/0123.wav", AUDIO, 200),
    ("GET", "/audiocache/0123.wav", AUDIO, 200),
    ("GET", "/api/tts-generate-streaming", AUDIO, 200),
    ("GET", "/api/narrations/abc/clips/0", AUDIO, 200),
    ("GET", "/api/narrations/abc/audio", AUDIO, 200),
    ("POST", "/api/tts-generate-streaming", AUDIO, 403),
    ("DELETE", "/api/narrations/abc", AUDIO, 403),
    ("GET", "/api/narrations/abc", AUDIO, 403),
    ("GET", "/api/narrations/abc/events", AUDIO, 403),
    ("GET", "/api/narrations/abc/clips/0/../../x", AUDIO, 403),
    ("GET", "/audio/", AUDIO, 403),
    ("GET", "/audio/a/b", AUDIO, 403),
    ("GET", "/v1/audio/voices", AUDIO, 403),
    ("GET", "/audio/0123.wav", {**AUDIO, "sec-fetch-dest": "image"}, 403),
    ("GET", "/audio/0123.wav", {"sec-fetch-mode": "no-cors"}, 403),
]


@pytest.mark.parametrize(("method", "path", "fetch", "status"), CROSS_SITE)
def test_cross_site_without_an_origin(method, path, fetch, status):
    answered = ask(HOME, method, path, {"sec-fetch-site": "cross-site", **fetch})
    assert answered.status == status
    assert bool(answered.scope) == (status == 200)
    if status == 403 and method != "HEAD":
        assert "--allow-origin" in answered.body.decode()


@pytest.mark.parametrize("site", ["same-origin", "same-site", "none", None])
def test_nearer_sites_and_programs_need_no_origin(site):
    assert ask(HOME, "POST", "/v1/audio/speech", {"sec-fetch-site": site} if site else {}).status == 200


BEARER = {"authorization": f"Bearer {KEY}"}
KEYS = [
    # method, path, headers, status
    ("POST", "/v1/audio/speech", {}, 401),
    ("POST", "/v1/audio/speech", BEARER, 200),
    ("POST", "/v1/audio/speech", {"authorization": f"bearer  {KEY} "}, 200),
    ("POST", "/v1/audio/speech", {"x-api-key": KEY}, 200),
    ("POST", "/v1/audio/speech", {"authorization": "Bearer sk-dummy", "x-api-key": KEY}, 200),
    ("POST", "/v1/audio/speech", {"authorization": "Bearer wrong"}, 401),
    ("POST", "/v1/audio/speech", {"authorization": "Bearer "}, 401),
    ("POST", "/v1/audio/speech", {"authorization": "Bearer"}, 401),
    ("POST", "/v1/audio/speech", {"authorization": f"Basic {KEY}"}, 401),
    ("POST", "/v1/audio/speech", {"authorization": KEY}, 401),
    ("POST", "/v1/audio/speech", {"x-api-key": KEY[:-1]}, 401),
    ("POST", "/v1/audio/speech", {"x-api-key": KEY + "k"}, 401),
    ("POST", "/v1/audio/speech", {"x-api-key": "\xfc"}, 401),
    ("POST", "/v1/audio/speech", {"x-api-key": ""}, 401),
    ("GET", "/v1/models", {}, 200),
    ("GET", "/v1/audio/models", {}, 200),
    ("GET", "/v1/audio/voices", {}, 200),
    ("GET", "/api/ready", {}, 200),
    ("HEAD", "/api/ready", {}, 200),
    ("GET", "/health", {}, 200),
    ("GET", LOGIN_PATH, {}, 200),
    ("POST", LOGIN_PATH, {}, 200),
    ("OPTIONS", "/v1/audio/speech", {}, 200),
    ("GET", "/audio/abc.wav", {}, 200),
    ("GET", "/audiocache/abc.wav", {}, 200),
    ("GET", "/api/narrations/abc/audio", {}, 200),
    ("GET", "/api/narrations/abc/clips/12", {}, 200),
    ("GET", "/api/narrations/abc/events", {}, 200),
    ("GET", "/api/narrations/abc", {}, 401),
    ("DELETE", "/api/narrations/abc", {}, 401),
    ("POST", "/api/narrations", {}, 401),
    ("POST", "/api/narrations/abc/text", {}, 401),
    ("POST", "/v1/models", {}, 401),
    ("DELETE", "/audio/abc.wav", {}, 401),
    ("GET", "/v1/models/", {}, 401),
    ("GET", "/v1/models/tts-1", {}, 401),
    ("GET", "//v1/models", {}, 401),
    ("GET", "/V1/models", {}, 401),
    ("GET", "/api/ready/../voices", {}, 401),
    ("GET", "/audio/../api/voices", {}, 401),
    ("GET", "/api/tts-generate-streaming", {}, 401),
    ("GET", "/api/voices", {}, 401),
    ("GET", "/api/lease", {}, 401),
    ("GET", "/metrics", {}, 401),
    ("GET", "/docs", {}, 401),
    ("GET", "/openapi.json", {}, 401),
    ("GET", "/", {}, 401),
    ("GET", "/gradio_api/info", {}, 401),
    ("GET", "/nonsense", {}, 401),
    ("PUT", "/api/openai-voicemap", {}, 401),
    ("PUT", "/api/engine", {}, 401),
]


@pytest.mark.parametrize(("method", "path", "headers", "status"), KEYS)
def test_key(method, path, headers, status):
    answered = ask(KEYED, method, path, headers)
    assert answered.status == status
    assert bool(answered.scope) == (status == 200)
    if status == 401:
        assert answered.header("www-authenticate") == "Bearer"
        assert KEY not in answered.body.decode()


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer "}, {"authorization": "Bearer sk-any"}])
def test_no_key_set_accepts_any(headers):
    assert ask(HOME, "POST", "/v1/audio/speech", headers).scope["state"]["trusted"] is True


def test_open_paths_know_who_asks():
    assert ask(KEYED, "GET", "/health").scope["state"]["trusted"] is False
    assert ask(KEYED, "GET", "/health", BEARER).scope["state"]["trusted"] is True


def test_a_listening_server_wants_the_key_from_the_network_and_from_here():
    for host in ("192.168.1.5:7851", "127.0.0.1:7851"):
        assert ask(NETWORK, "POST", "/v1/audio/speech", host=host).status == 401
        assert ask(NETWORK, "POST", "/v1/audio/speech", {"x-api-key": "wrong"}, host=host).status == 401
        assert ask(NETWORK, "POST", "/v1/audio/speech", BEARER, host=host).status == 200


GOOD_COOKIE = f"theme=dark; {COOKIE}={cookie_for(KEY)}"
COOKIES = [
    (GOOD_COOKIE, {}, 200),
    (GOOD_COOKIE, {"origin": "http://127.0.0.1:7851"}, 200),
    (GOOD_COOKIE, {"sec-fetch-site": "same-origin"}, 200),
    (GOOD_COOKIE, {"origin": "http://127.0.0.1:8000"}, 401),
    (GOOD_COOKIE, {"origin": "http://localhost:7851"}, 401),
    (GOOD_COOKIE, {"sec-fetch-site": "same-site"}, 401),
    (f"{COOKIE}={KEY}", {}, 401),
    (f"{COOKIE}={cookie_for('other key')}", {}, 401),
    (f"{COOKIE}=", {}, 401),
    ("\x00;=;;", {}, 401),
]


@pytest.mark.parametrize(("cookie", "headers", "status"), COOKIES)
def test_the_studio_s_cookie_counts_for_its_own_pages_only(cookie, headers, status):
    assert ask(KEYED, "POST", "/gradio_api/queue/join", {"cookie": cookie, **headers}).status == status


def test_a_person_without_the_key_is_led_to_the_login_page():
    answered = ask(KEYED, "GET", "/", {"sec-fetch-site": "none", **NAVIGATION})
    assert (answered.status, answered.header("location")) == (303, LOGIN_PATH)
    assert not answered.scope


PREFLIGHT = {"origin": "http://localhost:8000", "access-control-request-method": "POST"}


@pytest.mark.parametrize("policy", [HOME, KEYED])
def test_preflight(policy):
    asked = "authorization, cache-control, content-type, x-api-key, X-Stainless-OS, bad name, é"
    answered = ask(
        policy, "OPTIONS", "/v1/audio/speech", {**PREFLIGHT, "access-control-request-headers": asked}
    )
    assert answered.status == 204
    assert not answered.scope, "answered at the gate"
    assert answered.header("access-control-allow-origin") == "http://localhost:8000"
    allowed = answered.header("access-control-allow-headers").split(", ")
    for name in ("authorization", "cache-control", "content-type", "x-api-key", "if-match", "last-event-id"):
        assert name in allowed
    assert "x-stainless-os" in allowed
    assert "bad name" not in allowed
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert method in answered.header("access-control-allow-methods")
    assert answered.header("access-control-max-age") == "600"
    assert answered.header("access-control-allow-credentials") is None
    assert answered.header("access-control-allow-private-network") is None
    assert answered.header("vary") == "Origin, Access-Control-Request-Headers"
    assert answered.header("x-request-id")


def test_preflight_from_elsewhere():
    answered = ask(HOME, "OPTIONS", "/v1/audio/speech", {**PREFLIGHT, "origin": "https://evil.example"})
    assert answered.status == 403
    assert answered.header("access-control-allow-methods") is None


def test_preflight_for_a_private_network():
    answered = ask(HOME, "OPTIONS", headers={**PREFLIGHT, "access-control-request-private-network": "true"})
    assert answered.header("access-control-allow-private-network") == "true"


def test_options_without_a_preflight_goes_to_the_application():
    assert ask(HOME, "OPTIONS").scope


SHAPES = [
    ("/v1/audio/speech", "openai"),
    ("/api/voices", "openai"),
    ("/api/narrations", "openai"),
    ("/", "openai"),
    ("/api/tts-generate", "generate-failure"),
    ("/api/previewvoice/", "generate-failure"),
    ("/api/tts-generate-streaming", "generate-failure"),
    ("/api/ready", "error"),
    ("/api/reload", "error"),
    ("/audio/x.wav", "error"),
    ("/audiocache/x.wav", "error"),
]


@pytest.mark.parametrize(("path", "shape"), SHAPES)
def test_refusals_have_the_shape_of_their_path(path, shape):
    body = ask(HOME, "POST", path, host="evil.example").json
    if shape == "openai":
        assert set(body) == {"error"}
        assert set(body["error"]) == {"message", "type", "param", "code"}
        assert body["error"]["type"] == "invalid_request_error"
        assert isinstance(body["error"]["code"], str)
    else:
        assert body["status"] == shape
        assert body["error"] == body["message"]


def test_every_answer_has_an_id_of_its_own():
    answers = [ask(HOME), ask(HOME), ask(HOME, host="evil.example"), ask(KEYED, path="/docs")]
    ids = {answered.header("x-request-id") for answered in answers}
    assert len(ids) == 4
    assert all(value.startswith("req_") for value in ids)
    assert answers[0].scope["state"]["request_id"] == answers[0].header("x-request-id")
    assert all(answered.header("x-content-type-options") == "nosniff" for answered in answers)


def test_an_allowed_page_can_read_why_it_was_refused():
    answered = ask(KEYED, "POST", "/v1/audio/speech", {"origin": "http://localhost:8000"})
    assert answered.status == 401
    assert answered.header("access-control-allow-origin") == "http://localhost:8000"


def test_headers_of_the_application_are_put_right():
    async def careless(scope, receive, send) -> None:
        theirs = {
            "access-control-allow-origin": "*",
            "Access-Control-Allow-Credentials": "true",
            "x-request-id": "forged",
            "vary": "Accept-Encoding",
        }
        headers = [(name.encode(), value.encode()) for name, value in theirs.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    answered = ask(HOME, app=careless, headers={"origin": "http://localhost:8000"})
    assert answered.header("access-control-allow-origin") == "http://localhost:8000"
    assert "access-control-allow-credentials" not in {name.lower() for name, _ in answered.headers}
    assert answered.header("x-request-id").startswith("req_")
    assert [value for name, value in answered.headers if name == "vary"] == ["Accept-Encoding", "Origin"]
    assert ask(HOME, app=careless).header("access-control-allow-origin") is None


MEGABYTE = b"x" * 1_000_000
BODIES = [
    # path, Content-Length, chunks, status
    ("/v1/audio/speech", "50000000", [b"x"], 413),
    ("/v1/audio/speech", "1000001", [MEGABYTE, b"x"], 413),
    ("/v1/audio/speech", "1000000", [MEGABYTE], 200),
    ("/v1/audio/speech", None, [MEGABYTE, b"x"], 413),
    ("/v1/audio/speech", None, [b"x" * 100] * 3, 200),
    ("/v1/audio/speech", "10", [MEGABYTE, b"x"], 413),
    ("/v1/audio/speech", "9" * 5000, [b"x"], 413),
    ("/v1/audio/speech", "-1", [b"x"], 400),
    ("/v1/audio/speech", "ten", [b"x"], 400),
    ("/v1/audio/speech", "\xb2", [b"x"], 400),
    ("/api/voices", "20000000", [MEGABYTE] * 20, 200),
    ("/api/voices", None, [MEGABYTE] * 20 + [b"x"], 413),
    ("/api/voices", "20000001", [b"x"], 413),
    ("/gradio_api/upload", "2000000", [MEGABYTE] * 2, 200),
    ("/api/voices/low", "1000001", [b"x"], 413),
    ("/api/tts-generate", "1000001", [b"x"], 413),
]


@pytest.mark.parametrize(("path", "length", "chunks", "status"), BODIES)
def test_bodies_are_bounded(path, length, chunks, status):
    answered = ask(HOME, "POST", path, {"content-length": length} if length else {}, body=chunks)
    assert answered.status == status
    assert answered.complete
    if status == 413:
        assert "MB" in answered.body.decode()
        assert answered.header("connection") == "close"


def test_a_body_that_does_not_come_is_given_up():
    hurried = replace(HOME, body_seconds=0.05)

    async def slow() -> AsyncIterator[None]:
        gate = Gate(reader, hurried)
        sent = []

        async def receive():
            if not sent:
                sent.append(1)
                return {"type": "http.request", "body": b"{", "more_body": True}
            await asyncio.sleep(60)

        messages = []

        async def send(message) -> None:
            messages.append(message)

        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/audio/speech",
            "headers": [(b"host", b"localhost")],
        }
        await gate(scope, receive, send)
        return messages

    async def reader(scope, receive, send) -> None:
        while (message := await receive())["type"] != "http.disconnect":
            assert message["more_body"]
        assert (await receive())["type"] == "http.disconnect"
        # An application that answers all the same is not heard: it never saw the whole request.
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half"})

    messages = asyncio.run(slow())
    assert [message["type"] for message in messages] == ["http.response.start", "http.response.body"]
    assert messages[0]["status"] == 408
    assert (b"connection", b"close") in messages[0]["headers"]


def test_waiting_for_the_client_to_leave_has_no_deadline():
    async def lingering(scope, receive, send) -> None:
        await receive()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(receive(), 0.15)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    assert ask(replace(HOME, body_seconds=0.05), "POST", "/v1/audio/speech", app=lingering).status == 200


def test_a_mistake_of_ours_is_an_envelope_with_the_id(caplog):
    async def broken(scope, receive, send) -> None:
        raise RuntimeError("secret detail")

    answered = ask(HOME, app=broken)
    assert answered.status == 500
    assert answered.header("x-request-id") in answered.json["error"]["message"]
    assert answered.json["error"]["type"] == "server_error"
    assert "secret detail" not in answered.body.decode()
    assert "secret detail" in caplog.text


def test_a_failure_after_the_first_byte_cuts_the_connection():
    async def breaking(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise RuntimeError("engine gone")

    with pytest.raises(Cut) as cut:
        ask(HOME, app=breaking)
    assert str(cut.value.__cause__) == "engine gone"


def test_a_failure_after_the_last_byte_is_nobody_s():
    async def late(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})
        raise RuntimeError("told already")

    assert ask(HOME, app=late).status == 500


def test_the_media_route_that_makes_speech_serves_two_at_once():
    async def three() -> tuple[list[Answered], Answered]:
        release = asyncio.Event()

        async def speaking(scope, receive, send) -> None:
            await release.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})

        gate = Gate(speaking, HOME)
        path = "/api/tts-generate-streaming"
        first = [asyncio.create_task(asking(HOME, path=path, host="localhost", gate=gate)) for _ in range(2)]
        await asyncio.sleep(0)
        third = await asking(HOME, path=path, host="localhost", gate=gate)
        release.set()
        answers = [await task for task in first]
        return answers, third, await asking(HOME, path=path, host="localhost", gate=gate)

    first, third, later = asyncio.run(three())
    assert [answered.status for answered in first] == [200, 200]
    assert third.status == 503
    assert third.header("retry-after") == "1"
    assert third.json["status"] == "generate-failure"
    assert later.status == 200


SOCKETS = [
    ({"host": "localhost"}, HOME, True),
    ({"host": "localhost", "origin": "http://localhost:7851"}, HOME, True),
    ({"host": "evil.example", "origin": "http://evil.example"}, HOME, False),
    ({"host": "localhost", "origin": "https://evil.example"}, HOME, False),
    ({"host": "localhost"}, KEYED, False),
    ({"host": "localhost", "authorization": f"Bearer {KEY}"}, KEYED, True),
    ({"host": "localhost", "origin": "http://localhost", "cookie": GOOD_COOKIE}, KEYED, True),
    ({"host": "localhost", "origin": "http://localhost:8000", "cookie": GOOD_COOKIE}, KEYED, False),
]


@pytest.mark.parametrize("extension", [False, True])
@pytest.mark.parametrize(("headers", "policy", "admitted"), SOCKETS)
def test_websockets(headers, policy, admitted, extension):
    sent: list[dict[str, Any]] = []
    reached: list[str] = []

    async def app(scope, receive, send) -> None:
        reached.append(scope["state"]["request_id"])
        await send({"type": "websocket.accept"})

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/gradio_api/ws",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "extensions": {"websocket.http.response": {}} if extension else {},
    }
    asyncio.run(Gate(app, policy)(scope, receive, send))
    assert bool(reached) is admitted
    if admitted:
        assert sent == [{"type": "websocket.accept"}]
    elif extension:
        assert sent[0]["type"] == "websocket.http.response.start"
        assert sent[0]["status"] in (401, 403, 421)
    else:
        assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1008)]


def test_the_lifespan_passes():
    seen = []

    async def app(scope, receive, send) -> None:
        seen.append(scope["type"])

    asyncio.run(Gate(app, HOME)({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]


REBOUND = [
    {"origin": "http://{name}:7851"},
    {"origin": "http://localhost:8000"},  # a page of ours has no reason to go by that name
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "sec-fetch-site": "none"},
]


@pytest.mark.parametrize("name", ["box", "box.local", "host.docker.internal"])
def test_names_that_others_can_answer_for_are_for_programs_only(name):
    """On loopback there is no key: whoever makes a name resolve to it would own the server."""
    for method, path in (("GET", "/v1/models"), ("POST", "/v1/audio/speech")):
        assert ask(MACHINE, method, path, host=f"{name}:7851").status == 200
        assert ask(MACHINE, method, path, {"sec-fetch-mode": "cors"}, host=name).status == 200, "Node's own fetch"
        for headers in REBOUND:
            sent = {key: value.format(name=name) for key, value in headers.items()}
            assert ask(MACHINE, method, path, sent, host=f"{name}:7851").status == 421
    network = replace(MACHINE, network=True, key=KEY)
    page = {"origin": f"http://{name}:7851", **BEARER}
    assert ask(network, "POST", "/v1/audio/speech", page, host=f"{name}:7851").status == 200


def test_a_rebound_name_is_not_handed_on_as_forwarded():
    page = {"x-forwarded-host": "box", "origin": "http://localhost:8000"}
    assert not [name for name, _ in ask(MACHINE, headers=page).scope["headers"] if name == b"x-forwarded-host"]


def test_the_machine_s_own_names_are_known():
    own = socket.gethostname().lower().partition(".")[0]
    loopback, network = (
        GatePolicy.of(key=None, host_names=[], origins=[], network=network) for network in (False, True)
    )
    for name in (own, f"{own}.local", "host.docker.internal"):
        assert loopback.allows_host(name, from_page=False)
        assert not loopback.allows_host(name, from_page=True)
        assert network.allows_host(name, from_page=True)


def test_a_policy_from_settings_levels_the_spelling():
    policy = GatePolicy.of(
        key=None, host_names=[" Voice.Example. "], origins=["HTTPS://Chat.Example/"], network=False
    )
    assert policy.allows_host("voice.example:443", from_page=True)
    assert policy.allows_origin("https://chat.example")
    assert not policy.allows_host("chat.example", from_page=False)
