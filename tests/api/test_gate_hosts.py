"""Which Host the gate answers to: those of this machine, those named, and of a network its own addresses."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from server.api.policy import GatePolicy
from tests.api.gate import BEARER, HOME, KEY, MACHINE, NETWORK, ask

pytestmark = pytest.mark.api

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
