"""Status: how the server is doing, live."""

from __future__ import annotations

from server.studio.widgets import widget


def build() -> None:
    """The tab's content; the widget asks ``GET /api/status`` itself while it can be seen."""
    widget("status", elem_id="status-figures")
