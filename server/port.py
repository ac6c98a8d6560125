"""The server's port: taking it, saying why it cannot be had."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
import sys

from server.boot.port import another, taken, url_at
from server.errors import ConfigError
from server.settings import Settings


class CannotListen(ConfigError):
    """The address is none of this machine's, or there is something wrong with it."""

    default_code = "cannot_listen"


class PortTaken(CannotListen):
    """Somebody else has the port: another server of ours, another program, or the system."""

    default_code = "port_taken"


def bind(settings: Settings) -> list[socket.socket]:
    """The listening sockets: the address of the settings, and ``::1`` beside 127.0.0.1 where it is free."""
    host, port = _bare(settings.server.bind_host), settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sockets = [_listening(family, host, port)]
    except OSError as error:
        raise _explained(host, port, error) from error
    except (ValueError, TypeError) as error:  # a name that cannot be one: too long, or with a zero in it
        raise CannotListen(f"{host!r} cannot be a host's name ({error}).", param="server.host") from error
    if host == "127.0.0.1" and socket.has_ipv6:
        with contextlib.suppress(OSError):
            sockets.append(_listening(socket.AF_INET6, "::1", sockets[0].getsockname()[1]))
    return sockets


def url_of(settings: Settings, port: int) -> str:
    """Where this machine reaches the server."""
    return url_at(reached_at(settings), port)


def reached_at(settings: Settings) -> str:
    """The host's name or address for a client on this machine; nobody can connect to "all addresses"."""
    host = _bare(settings.server.host)
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            return "127.0.0.1" if address.version == 4 else "::1"
    return host


def _listening(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY only then; without it every answer on a kept
    # connection waits 40 ms for an acknowledgement.
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":
            # There, SO_REUSEADDR would let two servers have one port.
            made.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind((host, port))
        made.listen(128)
        made.set_inheritable(False)
    except (OSError, ValueError, TypeError):
        made.close()
        raise
    return made


def _explained(host: str, port: int, error: OSError) -> CannotListen:
    said = error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        return PortTaken(taken(host, port, said), param="server.port")
    if error.errno == errno.EACCES:  # Windows' 10013 too
        why = "Windows keeps ranges of ports" if sys.platform == "win32" else "Low ports are the administrator's"
        return PortTaken(
            f"The system does not give port {port} on {host} to this program ({said}). {why}: {another(port)}",
            param="server.port",
        )
    if isinstance(error, socket.gaierror):
        problem = f"The host {host} is not known ({said})."
    elif error.errno == errno.EADDRNOTAVAIL:
        problem = f"{host} is not an address of this machine ({said})."
    else:
        problem = f"The server cannot listen on {host}, port {port} ({said})."
    return CannotListen(
        f"{problem} Leave server.host (--host) at 127.0.0.1, and with --listen it is every address of this machine.",
        param="server.host",
    )


def _bare(host: str) -> str:
    return host.removeprefix("[").removesuffix("]")
