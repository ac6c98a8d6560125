"""The server's key: made once, kept in TROUPE_HOME/key for this user alone."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from server.errors import ConfigError
from server.files import write_atomically

KEY_BYTES = 32
SHORTEST = 16
"""A key set by hand may be of any form, but not one that can be guessed."""

COOKIE = "troupe_session"
"""What the studio's login page sets, HttpOnly and SameSite=Strict."""


def read_key(home: Path) -> str | None:
    """The key, or None where none was made yet."""
    path = key_file(home)
    try:
        key = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if len(key) < SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigError(
            f"{path}: expected a key of at least {SHORTEST} letters, digits and signs without blanks, found "
            f"{len(key)} characters. Delete the file to have a new key made."
        )
    return key


def ensure_key(home: Path) -> tuple[str, bool]:
    """The key, and True if it was made just now (to be shown once)."""
    key = read_key(home)
    return (key, False) if key else (new_key(home), True)


def new_key(home: Path) -> str:
    """Make a key, in the place of an older one; whoever knew that must be told."""
    key = secrets.token_urlsafe(KEY_BYTES)
    write_atomically(key_file(home), key + "\n", mode=0o600)
    return key


def key_file(home: Path) -> Path:
    """Where the key lies."""
    return home / "key"


def same_key(given: str, key: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), key.encode("utf-8"))


def cookie_for(key: str) -> str:
    """The session cookie's value: proves the key without holding it, and dies with it."""
    return hmac.new(key.encode("utf-8"), b"troupe studio session", hashlib.sha256).hexdigest()
