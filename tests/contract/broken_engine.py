"""Engines to fail with, and one to switch to."""

from __future__ import annotations

from dataclasses import replace

from server.engines.tone import Tone


class Broken(Tone):
    """Raises what a model library might."""

    capabilities = replace(Tone.capabilities, name="broken")

    def load(self) -> None:
        """Fail."""
        raise ZeroDivisionError("weights are broken")


class Absent(Tone):
    """Wants a package that is not there."""

    capabilities = replace(Tone.capabilities, name="absent", modules=("no_such_package_at_all",))


class Twin(Tone):
    """Works; another engine to switch to."""

    capabilities = replace(Tone.capabilities, name="twin")
