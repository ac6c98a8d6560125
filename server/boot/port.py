"""The port, looked at before anything is installed for it: AllTalk, which many come from, has the same one."""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from server.boot.arguments import COMMAND

DEFAULT = 7851
"""As in settings.yaml, which cannot be read without its library; a test keeps the two equal."""
TAKEN = 3
"""Exit status when another program has the port."""
NOT_APPLIED = 4
"""Exit status when Troupe runs already, without something that was asked for."""
_SECONDS = 2.0
_MOST_OF_AN_ANSWER = 4096
_OPTIONS = ("device", "listen", "no_key", "i_know_this_is_open", "host_name", "allow_origin", "log_level")
"""What a server is started with, beside its engine and its address."""


def port_to_be(arguments: argparse.Namespace, home: Path, environ: Mapping[str, str] = os.environ) -> int | None:
    """The port that the server will take, as far as can be known now; None where it cannot."""
    if arguments.port is not None:
        return int(arguments.port)
    said = environ.get("TROUPE_SERVER__PORT", "")
    if said:
        return int(said) if said.isascii() and said.isdigit() and int(said) <= 65535 else None
    return None if (home / "settings.yaml").exists() else DEFAULT


def answers(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((host, port), _SECONDS):
            return True
    except (OSError, ValueError):  # the second: a name that cannot be one, which the server will explain
        return False


def probe(host: str, port: int) -> dict[str, Any] | None:
    """What ``GET /health`` says when a Troupe server answers there; None otherwise."""
    # Neither a proxy nor another program's redirect is followed. By that name every server of ours lets it in.
    try:
        with contextlib.closing(http.client.HTTPConnection(host, port, timeout=_SECONDS)) as connection:
            connection.request("GET", "/health", headers={"Host": "localhost"})
            found = json.loads(connection.getresponse().read(_MOST_OF_AN_ANSWER))
    except (OSError, ValueError, RecursionError, http.client.HTTPException):
        return None
    return found if isinstance(found, dict) and found.get("product") == "troupe" else None


def url_at(host: str, port: int) -> str:
    """The address of a server there."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def runs_already(url: str, found: Mapping[str, Any], arguments: argparse.Namespace) -> int:
    """Tell that Troupe runs there, and what it was asked for in vain; returns the exit status."""
    said = f"Troupe {found.get('version', '')} is already running at {url}"
    if missed := _not_applied(found, arguments):
        were = "was" if len(missed) == 1 else "were"
        sys.stderr.write(f"{said}; {', '.join(missed)} {were} not applied: stop it first (Ctrl+C in its window)\n")
        return NOT_APPLIED
    sys.stdout.write(f"{said}\n")
    return 0


def taken(host: str, port: int, why: str = "") -> str:
    """What is told when another program has the port."""
    said = f" ({why})" if why else ""
    return f"Port {port} on {host} is taken by another program{said}. End that program, or {another(port)}"


def another(port: int) -> str:
    """The advice to take another port, with the command."""
    return f"choose another port: {COMMAND} --port {port + 1 if 1024 <= port < 65535 else DEFAULT}"


def _not_applied(found: Mapping[str, Any], arguments: argparse.Namespace) -> list[str]:
    """Options that were given, unless the running server has the same, or keeps to itself what it has."""
    missed = []
    if arguments.engine and arguments.engine != (found.get("engine") or arguments.engine):
        missed.append(f"--engine {arguments.engine}")
    given = [name for name in _OPTIONS if getattr(arguments, name, None)]
    return missed + [f"--{name.replace('_', '-')}" for name in given if name != "listen" or not found.get("listen")]
