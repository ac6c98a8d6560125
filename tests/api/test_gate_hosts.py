"""Which Host the gate answers to: those of this machine, those named, and of a network its own addresses."""

from __future__ import annotations

import pytest

from server.api.policy import GatePolicy
from tests.api.gate import HOME, NETWORK, ask

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


def test_a_policy_from_settings_levels_the_spelling():
    policy = GatePolicy.of(
        key=None, host_names=[" Voice.Example. "], origins=["HTTPS://Chat.Example/"], network=False
    )
    assert policy.allows_host("voice.example:443")
    assert policy.allows_origin("https://chat.example")
    assert not policy.allows_host("chat.example")
