"""Serves: takes the port, starts the application, tells people and hosts, ends in good order."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from fastapi import FastAPI

from server import __version__
from server.app import create_app
from server.boot.arguments import COMMAND
from server.boot.errors import Stopped
from server.boot.home import Places
from server.boot.port import TAKEN, probe, runs_already
from server.boot.state import Phase, StateFile, new_instance
from server.boot.stop import when_host_leaves
from server.engines.table import ENGINES
from server.errors import ConfigError
from server.graceful import Server, is_news
from server.keyfile import ensure_key, key_file, read_key
from server.life import Life
from server.logs import set_up
from server.port import PortTaken, bind, reached_at, url_of
from server.settings import Settings, load_settings, refuse_unknown_engines
from server.troupe import Troupe

log = logging.getLogger("troupe")

_PHASES: dict[str, Phase] = {"loading": "loading", "ready": "ready", "unloaded": "ready", "degraded": "failed"}


def serve(arguments: argparse.Namespace) -> int:
    """Run the server until it is stopped; returns the exit status."""
    state = StateFile(
        Places(Path(arguments.home)).state, version=__version__, instance=arguments.instance or new_instance()
    )
    try:
        settings = load_settings(arguments)
        refuse_unknown_engines(settings, ENGINES)
        sockets = bind(settings)
    except PortTaken as error:
        return _port_taken(settings, arguments, state, error)
    except ConfigError as error:
        state.update("failed", error.message)
        sys.stderr.write(f"Troupe: {error.message}\n")
        return 1
    try:
        asyncio.run(_serve(settings, arguments, state, sockets))
    except KeyboardInterrupt:
        log.info("stopped")
    finally:
        for each in sockets:
            each.close()
        state.remove()
    return 0


async def _serve(
    settings: Settings, arguments: argparse.Namespace, state: StateFile, sockets: list[socket.socket]
) -> None:
    # Sound crosses several threads on its way; Python's usual 5 ms between them would be heard as a late start.
    sys.setswitchinterval(0.001)
    memory = set_up(settings.home / "logs", settings.server.log_level)
    logging.getLogger("uvicorn.error").addFilter(is_news)
    life = Life(host_owned=bool(arguments.host_owned), host_is_there=_host_is_there)
    key, is_new = ensure_key(settings.home) if settings.server.wants_key else (None, False)
    app = create_app(settings, instance=state.instance, life=life, log=memory, key=key, studio=True)
    teller = _Teller(app, state, url_of(settings, sockets[0].getsockname()[1]), key if is_new else None)
    app.state.troupe.registry.on_change(teller.tell)
    server = Server(app, drain_seconds=0 if life.host_owned else None)
    watch = asyncio.create_task(_end_when_unused(server, life))
    teller.tell()
    try:
        await server.serve(sockets)
    finally:
        watch.cancel()


class _Teller:
    """Says what the server is doing: to hosts in ``state.json``, to people once, when it is ready."""

    def __init__(self, app: FastAPI, state: StateFile, url: str, new_key: str | None) -> None:
        self._troupe: Troupe = app.state.troupe
        self._state = state
        self._url = url
        self._new_key = new_key
        self._greeted = False
        self._address_given = False
        self._told: tuple[object, ...] = ()

    def tell(self) -> None:
        """Write the present state; greet when it is ready for the first time, or cannot be."""
        if self._troupe.life.stopping.is_set():
            return  # an engine that is unloaded then is no news
        registry = self._troupe.registry
        waiting = registry.state == "unloaded" and not registry.current
        phase = "starting" if waiting else _PHASES[registry.state]
        news = (phase, registry.current, registry.detail, registry.fraction)
        if news == self._told:  # it was about an engine beside the current one
            return
        self._state.update(phase, registry.detail, registry.fraction, self._url)
        if phase == "failed":
            log.error("%s cannot speak: %s", registry.current or "The server", registry.detail)
            if not self._greeted and not self._address_given:
                self._address_given = True
                self._give_address()
        if registry.state == "ready" and not self._greeted:
            self._greet()
            self._greeted = True  # last: a key that could not be shown is shown the next time
        self._told = news

    def _give_address(self) -> None:
        """The server runs all the same, and the studio can mend it."""
        sys.stdout.write(
            f"\nTroupe {__version__} answers at {self._url}, but cannot speak yet: see the error above\n"
            + self._key_lines()
            + f"  Mend:    choose an engine in the studio at {self._url}/, or mend the setting and start again\n"
            "  Stop:    Ctrl+C\n\n"
        )
        sys.stdout.flush()
        self._new_key = None

    def _key_lines(self) -> str:
        """A new key, which is shown once, and where it lies."""
        settings = self._troupe.settings.now
        lines = f"  Key:     {self._new_key}   (shown this once)\n" if self._new_key else ""
        return lines + (f"  KEY is in {key_file(settings.home)}\n" if settings.server.wants_key else "")

    def _greet(self) -> None:
        voices = self._troupe.casting.voices()
        shown = ", ".join(voice.id for voice in voices[:8])
        more = f" and {len(voices) - 8} more ({COMMAND} voices)" if len(voices) > 8 else ""
        settings = self._troupe.settings.now
        key = ' -H "Authorization: Bearer KEY"' if settings.server.wants_key else ""
        sys.stdout.write(
            f"\nTroupe {__version__} is ready at {self._url}\n"
            f"  Engine:  {self._troupe.registry.capabilities().title} on {self._troupe.registry.device}\n"
            f"  Voices:  {shown}{more}\n"
            + self._key_lines()
            + f'  Try:     curl {self._url}/v1/audio/speech{key} -H "Content-Type: application/json" '
            '-d "{\\"model\\":\\"tts-1\\",\\"input\\":\\"Hello there!\\",\\"voice\\":\\"nova\\"}" -o hello.mp3\n'
            "  Stop:    Ctrl+C\n\n"
        )
        sys.stdout.flush()
        self._new_key = None


def _port_taken(settings: Settings, arguments: argparse.Namespace, state: StateFile, error: PortTaken) -> int:
    """Say who has the port: ourselves is good news, anybody else is not."""
    port = settings.server.port
    other = probe(reached_at(settings), port)
    if other is None:
        state.update("failed", error.message)
        sys.stderr.write(f"Troupe: {error.message}\n")
        return TAKEN
    state.remove()  # where the other one writes its own, this does nothing
    return runs_already(url_of(settings, port), other, arguments)


def _host_is_there() -> bool:
    try:
        when_host_leaves()
    except (Stopped, OSError, ValueError):
        return False
    return True


async def _end_when_unused(server: Server, life: Life) -> None:
    await life.unused()
    server.should_exit = True


@contextlib.contextmanager
def running_server(arguments: argparse.Namespace) -> Iterator[tuple[str, str | None]]:
    """URL and key of the server that runs, else of one that runs while the block does (on a free port)."""
    settings = load_settings(arguments)
    found = probe(reached_at(settings), settings.server.port)
    # Another engine was asked for: the running server is not to be switched under its users' feet.
    wanted = getattr(arguments, "engine", None)
    if found is not None and wanted in (None, found.get("engine")):
        yield url_of(settings, settings.server.port), read_key(settings.home)
        return
    settings = load_settings({**vars(arguments), "port": 0, "host": None, "listen": None})
    sockets = bind(settings)
    set_up(settings.home / "logs", "warning")
    app = create_app(settings, instance=new_instance())
    server = Server(app, drain_seconds=1)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets)), daemon=True)
    thread.start()
    try:
        _wait_until_ready(app.state.troupe, thread)
        yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}", None
    finally:
        server.should_exit = True
        thread.join(15)
        for each in sockets:
            each.close()


def _wait_until_ready(troupe: Troupe, thread: threading.Thread) -> None:
    while thread.is_alive() and troupe.registry.state != "ready":
        if troupe.registry.state == "degraded":
            raise OSError(troupe.registry.detail)
        time.sleep(0.05)
