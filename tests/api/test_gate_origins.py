"""Which pages the gate lets ask: their Origin, what a browser says without one, and the preflight."""

from __future__ import annotations

from dataclasses import replace

import pytest

from server.api.policy import LOGIN_PATH
from tests.api.gate import HOME, KEY, KEYED, LISTED, MACHINE, NAVIGATION, NETWORK, ask

pytestmark = pytest.mark.api

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


def test_an_allowed_page_can_read_why_it_was_refused():
    answered = ask(KEYED, "POST", "/v1/audio/speech", {"origin": "http://localhost:8000"})
    assert answered.status == 401
    assert answered.header("access-control-allow-origin") == "http://localhost:8000"


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
