"""An engine that lacks a package until somebody installs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from server.engines.base import Capabilities
from server.engines.tone import Tone
from server.voices.voice import Voice


class Tiny(Tone):
    """The toy engine under another name."""

    capabilities: ClassVar[Capabilities] = replace(
        Tone.capabilities, name="tiny", title="Tiny", modules=("troupe_tiny_package",), download_mb=1
    )

    def voices(self) -> Sequence[Voice]:
        """The same voices."""
        return [replace(voice, engine="tiny") for voice in super().voices()]
