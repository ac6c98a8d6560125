"""Connect: lines to copy for other programs, and the key."""

from __future__ import annotations

from typing import Any

from server.keyfile import key_file, new_key, read_key
from server.studio.widgets import Act, Component, notice, on_act, on_topics, said, widget
from server.troupe import Troupe


def build(troupe: Troupe, pulse: Component) -> None:
    """The tab's content."""
    lines = widget("connect", elem_id="connect-lines")
    done = notice("connect-notice")

    def value(shown: str = "") -> dict[str, Any]:
        home = troupe.settings.now.home
        return {
            "wanted": troupe.started_with.server.wants_key,
            "exists": read_key(home) is not None,
            "file": str(key_file(home)),
            "shown": shown,
        }

    def act(wish: Act) -> Any:
        home = troupe.settings.now.home
        match wish.get("do"):
            case "show":
                return said(""), value(read_key(home) or "")
            case "renew":
                made = new_key(home)
                return said("A new key was made. It is asked for from the next start of the server on."), value(made)
            case _:
                return said(""), value()

    on_act(lines, act, [], [done, lines])
    on_topics(pulse, ["settings"], value, [lines])
