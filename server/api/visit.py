"""A request as the gate sees it: method, path and headers, nothing made of the Host header."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.types import Scope

_FORWARDED = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})
"""What proxies and tunnels add: behind them, whoever asks may be anywhere."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One HTTP request or WebSocket handshake."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    """Names are lower-case, as ASGI has them."""
    peer: str = ""
    """Address of the other end of the connection."""
    address: str = ""
    """Address it came to."""

    @classmethod
    def of(cls, scope: Scope) -> Visit:
        """From an ASGI scope; a WebSocket handshake is a GET."""
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        peer, address = (str((scope.get(end) or ("",))[0]) for end in ("client", "server"))
        return cls(scope.get("method", "GET"), scope["path"], headers, peer, address)

    def all(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key == name]

    def one(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def keys(self) -> list[str]:
        """Keys that were sent; a client may fill one header with a dummy and the other with the key."""
        schemes = [value.partition(" ") for value in self.all("authorization")]
        bearers = [token.strip() for scheme, _, token in schemes if scheme.lower() == "bearer"]
        return [key for key in [*bearers, *self.all("x-api-key")] if key]

    def cookie(self, name: str) -> str:
        """A cookie's value; empty where there is none."""
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(self.one("cookie") or "")
        except CookieError:
            return ""
        return jar[name].value if name in jar else ""

    @property
    def is_preflight(self) -> bool:
        """True where a browser asks whether a page may send the real request."""
        return self.method == "OPTIONS" and bool(
            self.one("origin") and self.one("access-control-request-method")
        )

    @property
    def is_same_origin(self) -> bool:
        """True unless a browser says that the page asking comes from elsewhere, be it another port."""
        origin = self.one("origin")
        if origin is None:
            return self.one("sec-fetch-site") in (None, "same-origin", "none")
        return urlsplit(origin).netloc.lower() == (self.one("host") or "").lower()

    @property
    def is_from_page(self) -> bool:
        """True where a browser shows itself; it does so with every request that can change something."""
        # Sec-Fetch-Mode alone is no browser: Node's fetch, as in containers of chat hosts, sends it too.
        return any(name in ("origin", "sec-fetch-site", "sec-fetch-dest") for name, _ in self.headers)

    @property
    def from_program_here(self) -> bool:
        """True for a program of this very machine, as far as one can tell: no browser, no proxy in between."""
        if self.is_from_page or any(name in _FORWARDED for name, _ in self.headers):
            return False
        # To its own address in the network, a machine's connection comes from that same address.
        return _is_loopback(self.peer) or (self.peer != "" and self.peer == self.address)

    @property
    def is_page_visit(self) -> bool:
        """True where a person opens the address in a tab."""
        return (
            self.method == "GET"
            and self.one("sec-fetch-mode") == "navigate"
            and self.one("sec-fetch-dest") == "document"
        )


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
