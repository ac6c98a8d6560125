"""Finds the server, starts the bundled one where there is none, and holds a lease on it.

Everything happens on one thread of its own: a host that calls ``start`` goes on at once and is told of changes.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .client import API, DEFAULT_ADDRESS, BadAddress, Client, ServerError, Stream, Unreachable
from .port import configured_port
from .process import ServerProcess, suitable_python

_PAUSE = 0.7
"""Seconds between looks while a server starts; nothing is polled once it is ready."""
_PATIENCE = 5.0
"""Seconds between tries to reach a server elsewhere."""
_MOST_STARTS = 3
"""Starts of a server that keeps ending, within five minutes."""


@dataclass(frozen=True)
class Status:
    """What a person is told about the server."""

    phase: str = "off"
    """off, looking, installing, starting, loading, ready, failed."""
    detail: str = ""
    fraction: float | None = None
    address: str = ""
    version: str = ""
    engine: str = ""
    device: str = ""
    ours: bool = False
    """We started it; it ends when the last host has left it."""

    @property
    def coming(self) -> bool:
        """It will be there soon, so waiting is worth it."""
        return self.phase in ("looking", "starting", "loading")


@dataclass
class _Aim:
    """One decision about which server to use, until the next one."""

    address: str
    key: str
    dropped: threading.Event = field(default_factory=threading.Event)
    lease: Stream | None = None
    process: ServerProcess | None = None
    starts: list[float] = field(default_factory=list)


class _Failed(Exception):
    """Cannot go on without a person; the message says what to do."""


class Launcher:
    """The way to one server: attach to it, or start it, and know how it is."""

    def __init__(self, repository: Path, home: Path, *, tell: Callable[[Status], None] = lambda status: None) -> None:
        self._repository = repository
        self._home = home
        self._tell = tell
        self._lock = threading.Lock()
        self._aim: _Aim | None = None
        self._status = Status()
        self._address = DEFAULT_ADDRESS

    @property
    def status(self) -> Status:
        return self._status

    def client(self) -> Client:
        with self._lock:
            return Client(self._address, self._aim.key if self._aim else "")

    def start(self, address: str = "", key: str = "") -> None:
        """Use the server at ``address``, or the one on this machine where it is empty; returns at once."""
        aim = _Aim(address.strip().rstrip("/"), key.strip())
        self._turn_to(aim)
        self._show(aim, Status("looking", "Looking for the server"))
        threading.Thread(target=self._run, args=(aim,), name="troupe-launcher", daemon=True).start()

    def stop(self) -> None:
        """Leave the server; one that we started ends by itself when nobody else uses it."""
        self._turn_to(None)

    def _turn_to(self, aim: _Aim | None) -> None:
        """In one step: of two who start at the same time, one is left again by the other."""
        with self._lock:
            before, self._aim = self._aim, aim
            self._status = Status()
            if aim is not None:
                # From now on: the key must not reach the server that is being left.
                self._address = aim.address or DEFAULT_ADDRESS
        if before is not None:
            before.dropped.set()
            _let_go(before)

    def _run(self, aim: _Aim) -> None:
        try:
            while not aim.dropped.is_set():
                found = self._find(aim)
                if found is None and aim.address:
                    self._show(aim, Status("failed", f"Nothing answers at {aim.address}. Still trying."))
                    aim.dropped.wait(_PATIENCE)
                    continue
                self._stay(aim, found or self._start_bundled(aim))
        except (_Failed, BadAddress) as error:
            self._show(aim, Status("failed", str(error)))
        except (ServerError, OSError, ValueError) as error:
            self._show(aim, Status("failed", f"The server could not be started: {error}"))
        finally:
            _let_go(aim)

    def _find(self, aim: _Aim) -> str | None:
        """The address of a server that fits, if one runs."""
        for address in [aim.address] if aim.address else self._addresses():
            try:
                health = Client(address, aim.key).health()
            except Unreachable as error:
                if isinstance(error.__cause__, TimeoutError) and not aim.address:
                    raise _Failed(_taken(address)) from error
                continue
            if not health:
                raise _Failed(f"{address} is not a Troupe server." if aim.address else _taken(address))
            if health.get("api") != API:
                raise _Failed(
                    f"A Troupe server of another kind (version {health.get('version')}) runs at {address}. "
                    "Update both to the same version, or stop it."
                )
            return address
        return None

    def _addresses(self) -> list[str]:
        """Where a server of this machine may be: where one said it is, and where it is set up to be."""
        said = _read_state(self._home).get("url")
        usual = f"http://127.0.0.1:{configured_port(self._home)}"
        return [said, usual] if isinstance(said, str) and said.rstrip("/") != usual else [usual]

    def _start_bundled(self, aim: _Aim) -> str:
        """Start our own server and wait until it answers, showing what it does meanwhile."""
        now = time.monotonic()
        aim.starts = [*(start for start in aim.starts if now - start < 300), now]
        if len(aim.starts) > _MOST_STARTS:
            raise _Failed("The server keeps ending. TROUPE_HOME/logs says why.")
        python = suitable_python()
        if python is None:
            raise _Failed("Python 3.10 to 3.13 is needed to run the server, and none was found.")
        self._show(aim, Status("starting", "Starting the server"))
        before = _stamp(self._home)
        process = ServerProcess(self._repository, self._home / "logs" / "host-start.log", python=python)
        aim.process = process
        while not aim.dropped.wait(_PAUSE):
            state = _read_state(self._home) if _stamp(self._home) != before else {}
            if state.get("phase") == "failed":
                raise _Failed(str(state.get("detail") or "The server failed to start."))
            if state:
                self._show(aim, _status_of(state))
            try:
                found = self._find(aim)
            except _Failed:
                # Our own server may listen already and be too busy to answer.
                if process.ended():
                    raise
                found = None
            if found is not None:
                return found
            if process.ended():
                raise _Failed(f"The server ended while starting. {process.last_words()}".strip())
        return ""

    def _stay(self, aim: _Aim, address: str) -> None:
        """Hold the lease until it breaks; then whoever was there is gone."""
        with self._lock:
            if self._aim is not aim:
                return
            self._address = address
        client = Client(address, aim.key)
        try:
            aim.lease = lease = client.lease()
            while not aim.dropped.is_set():
                health = client.health()
                self._show(aim, self._status_from(health, address, ours=aim.process is not None))
                if self._status.phase == "ready":
                    break
                aim.dropped.wait(_PAUSE)
            if not aim.dropped.is_set():
                for _ in lease.chunks():
                    pass  # it has no content; it is the wait that counts
        except Unreachable:
            pass  # gone: look again
        except ServerError as error:
            hint = " Its key is set in the block's Server section." if error.status == 401 else ""
            raise _Failed(f"{address}: {error.message}{hint}") from error
        finally:
            _let_go(aim)
        self._show(aim, Status("looking", "The server has ended; looking for it"))

    def _status_from(self, health: dict[str, Any], address: str, *, ours: bool) -> Status:
        state = str(health.get("state"))
        phase = {"starting": "starting", "loading": "loading"}.get(state, "ready")
        # Of a server that is ready it is what passes (RVC being prepared): nobody would take it back here.
        detail = "" if state == "ready" else str(health.get("detail") or "")
        if state == "degraded" and not detail:
            detail = "The engine has trouble; the studio's Status page says more."
        return Status(
            phase,
            detail,
            None,
            address,
            str(health.get("version") or ""),
            str(health.get("engine") or ""),
            str(health.get("device") or ""),
            ours,
        )

    def refresh(self) -> Status:
        """Ask the server how it is now (engine, device, trouble); for moments when a person looks."""
        aim, status = self._aim, self._status
        if aim is not None and status.phase == "ready":
            try:
                health = self.client().health()
            except ServerError:
                return self._status  # the lease will tell
            self._show(aim, self._status_from(health, status.address, ours=status.ours))
        return self._status

    def _show(self, aim: _Aim, status: Status) -> None:
        with self._lock:
            if self._aim is not aim or self._status == status:
                return
            self._status = status
        self._tell(status)


def _status_of(state: dict[str, Any]) -> Status:
    fraction = state.get("fraction")
    return Status(
        str(state.get("phase") or "starting"),
        str(state.get("detail") or ""),
        float(fraction) if isinstance(fraction, int | float) else None,
        version=str(state.get("version") or ""),
    )


def _read_state(home: Path) -> dict[str, Any]:
    try:
        content = json.loads((home / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _stamp(home: Path) -> int:
    try:
        return (home / "state.json").stat().st_mtime_ns
    except OSError:
        return 0


def _let_go(aim: _Aim) -> None:
    """Whoever stops it and its own thread may do so at the same time."""
    lease, aim.lease = aim.lease, None
    process, aim.process = aim.process, None
    if lease is not None:
        lease.close()
    if process is not None:
        process.release()


def _taken(address: str) -> str:
    port = address.rpartition(":")[2]
    return (
        f"Another program uses port {port}. End it, or give Troupe another port "
        "(server.port in TROUPE_HOME/settings.yaml)."
    )
