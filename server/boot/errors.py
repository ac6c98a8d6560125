"""Why a start ends early, in words for the person who started it."""

from __future__ import annotations


class BootError(Exception):
    """One readable message; what lies behind it is in ``logs/install.log``."""


class Stopped(BootError):
    """Ctrl+C, a polite kill, or the host that owned us has gone."""
