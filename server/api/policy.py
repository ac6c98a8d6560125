"""Whom the server answers: the rules of the gate as values and pure decisions, without any ASGI."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from server.keyfile import cookie_for, same_key

MEGABYTE = 1_000_000

_HOST = re.compile(
    r"(?P<name>\[[0-9a-fA-F:.]+\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?)\.?(?::\d{1,5})?", re.IGNORECASE
)
_MEDIA = re.compile(r"/audio/[^/]+|/audiocache/[^/]+|/api/narrations/[^/]+/(clips/\d+|audio)")
_EVENTS = re.compile(r"/api/narrations/[^/]+/events")
_UPLOADS = re.compile(r"/api/voices|/gradio_api/upload")

SPOKEN_MEDIA = "/api/tts-generate-streaming"
"""The one media route that makes speech when it is fetched, so the one that costs something."""

DOCKER = "host.docker.internal"
"""What containers call the machine they run on."""

OPEN_PATHS = frozenset({"/api/ready", "/health", "/v1/models", "/v1/audio/models", "/v1/audio/voices"})
"""Popular clients ask for these without a key."""

LOGIN_PATH = "/login"
"""The studio's page that takes the key once."""


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """What the gate lets in; the defaults are those of a server on the loopback interface."""

    key: str | None = None
    """None asks for no key and accepts any."""
    host_names: frozenset[str] = frozenset()
    """Names given to this server besides the loopback ones, lower-case."""
    machine_names: frozenset[str] = frozenset({DOCKER})
    """Names of the machine, lower-case. Others can answer for them on some networks (mDNS, a name server), so that
    a page may come under them only where the server listens on a network; programs always may."""
    origins: frozenset[str] = frozenset()
    """Web pages allowed besides those on an allowed host, as browsers write them."""
    network: bool = False
    """True where the server listens on a network: addresses of private networks are its hosts then."""
    body_bytes: int = MEGABYTE
    upload_bytes: int = 20 * MEGABYTE
    body_seconds: float = 10.0
    """A body must have come within this."""
    upload_seconds: float = 120.0
    spoken_media_at_once: int = 2
    requests_at_once: int = 64

    @classmethod
    def of(
        cls,
        *,
        key: str | None,
        host_names: Iterable[str],
        origins: Iterable[str],
        network: bool,
        requests_at_once: int = 64,
    ) -> GatePolicy:
        """A policy from settings: the machine's own name is added, spelling is levelled."""
        own = socket.gethostname().lower()
        short = own.partition(".")[0]
        return cls(
            key=key,
            host_names=frozenset(name.strip().lower().rstrip(".") for name in host_names) - {""},
            machine_names=frozenset({own, short, f"{short}.local", DOCKER} - {"", ".local"}),
            origins=frozenset(origin.strip().lower().rstrip("/") for origin in origins),
            network=network,
            requests_at_once=requests_at_once,
        )

    def allows_host(self, header: str, *, from_page: bool) -> bool:
        """True for a Host header that names this server; ``from_page`` where a browser's page sent it."""
        match = _HOST.fullmatch(header)
        if match is None:
            return False
        name = match["name"].lower()
        return self._is_ours(name) or (name in self.machine_names and (self.network or not from_page))

    def allows_origin(self, origin: str) -> bool:
        """True for a page on one of our hosts, at any port, or one that is listed."""
        if origin.lower() in self.origins:
            return True
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        # A browser sends scheme, host and port, nothing else.
        plain = origin == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc
        return plain and parts.scheme in ("http", "https") and self.allows_host(parts.netloc, from_page=True)

    def allows_key(self, given: str) -> bool:
        """True for the key, and for anything where none is wanted."""
        return self.key is None or same_key(given, self.key)

    def allows_cookie(self, value: str) -> bool:
        """True for the cookie of the studio's login page."""
        return self.key is not None and same_key(value, cookie_for(self.key))

    def is_open(self, method: str, path: str) -> bool:
        """True for what may be asked without a key."""
        if method == "OPTIONS" or path == LOGIN_PATH:
            return True
        # An id of more than 120 random bits is the permission to fetch what it names; media.py looks at other names.
        named = _MEDIA.fullmatch(path) or _EVENTS.fullmatch(path)
        return method in ("GET", "HEAD") and (path in OPEN_PATHS or named is not None)

    def body_limit(self, path: str) -> tuple[int, float]:
        """The most bytes and seconds that a body may take."""
        if _UPLOADS.fullmatch(path):
            return self.upload_bytes, self.upload_seconds
        return self.body_bytes, self.body_seconds

    def _is_ours(self, name: str) -> bool:
        if name == "localhost" or name.endswith(".localhost"):
            return True
        if name in self.host_names:
            return True
        try:
            address = ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        if address.is_loopback:
            return True
        return self.network and not (address.is_global or address.is_unspecified or address.is_multicast)


def is_media(path: str) -> bool:
    """True for what an audio element plays."""
    return path == SPOKEN_MEDIA or _MEDIA.fullmatch(path) is not None
