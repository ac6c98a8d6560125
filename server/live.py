"""The settings in force, which the studio can change while the server runs."""

from __future__ import annotations

import logging
from collections.abc import Callable

from server.settings import Settings, write_user_setting

log = logging.getLogger("troupe.settings")


class LiveSettings:
    """Holds the frozen settings of this moment; readers ask for ``now`` each time.

    ``check`` raises ConfigError for what only the parts of the server can know to be wrong.
    """

    def __init__(self, settings: Settings, check: Callable[[Settings], None] = lambda settings: None) -> None:
        check(settings)
        self.now = settings
        self._check = check
        self._listeners: list[Callable[[], None]] = []

    def change(self, key: str, value: object) -> None:
        """Write ``key`` to the user's file and use it from now on; raises ConfigError and changes nothing."""
        write_user_setting(self.now.home, key, value, self._check)
        log.info("setting %s changed", key)
        self.reload()

    def reload(self) -> None:
        """Read all sources again; raises ConfigError and keeps what is in force."""
        settings = self.now.reloaded()
        self._check(settings)
        self.now = settings
        for listener in self._listeners:
            listener()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after every change."""
        self._listeners.append(listener)
