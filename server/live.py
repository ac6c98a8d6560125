"""The settings in force, which the studio can change while the server runs."""

from __future__ import annotations

import logging
from collections.abc import Callable

from server.settings import Settings, write_user_setting

log = logging.getLogger("troupe.settings")


class LiveSettings:
    """Holds the frozen settings of this moment; readers ask for ``now`` each time."""

    def __init__(self, settings: Settings) -> None:
        self.now = settings
        self._listeners: list[Callable[[], None]] = []

    def change(self, key: str, value: object) -> None:
        """Write ``key`` to the user's file and use it from now on; raises ConfigError and changes nothing."""
        write_user_setting(self.now.home, key, value)
        log.info("setting %s changed", key)
        self.reload()

    def reload(self) -> None:
        """Read all sources again; raises ConfigError and keeps what is in force."""
        self.now = self.now.reloaded()
        for listener in self._listeners:
            listener()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every change."""
        self._listeners.append(listener)
