"""Where the gate wants the key, in which header or cookie, and what is open without."""

from __future__ import annotations

import pytest

from server.api.policy import LOGIN_PATH
from server.keyfile import COOKIE, cookie_for
from tests.api.gate import BEARER, GOOD_COOKIE, HOME, KEY, KEYED, NAVIGATION, NETWORK, ask

pytestmark = pytest.mark.api

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
