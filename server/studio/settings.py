"""Settings: every setting of the server with its meaning, its default and where its value comes from."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import gradio as gr

from server.errors import InvalidRequest, SpeechError
from server.settings_tree import SettingField, setting_fields
from server.studio.forms import form, setting_row
from server.studio.widgets import Act, Component, notice, on_act, on_topics, said, widget
from server.troupe import Troupe

_TITLES = {
    "": "General",
    "server": "Server",
    "engine": "Engine",
    "openai": "OpenAI endpoint",
    "text": "Text",
    "narration": "Narration",
    "audio": "Sound on disk",
    "rvc": "Voice conversion",
    "deadlines": "Deadlines",
}
_ABOUT = (
    "A change is written to your settings.yaml and is in force at once, where a setting does not say otherwise. "
    "What the environment or the command line sets is stronger and cannot be changed here."
)


def build(troupe: Troupe, pulse: Component) -> None:
    """The tab's content."""
    gr.Markdown(_ABOUT)
    done = notice("settings-notice")
    rows = widget("form", elem_id="settings-form")
    # Maps of free shape have pages of their own (the engines' options).
    fields = {field.key: field for field in setting_fields() if field.kind != "map"}

    def value(wrong: str = "", problem: str = "") -> dict[str, Any]:
        groups = groupby(fields.values(), key=_section)
        return form(
            [
                (
                    _TITLES.get(section, section.capitalize()),
                    [
                        setting_row(troupe, field, problem=problem if field.key == wrong else "")
                        for field in members
                    ],
                )
                for section, members in groups
            ],
            search=True,
        )

    def act(wish: Act) -> Any:
        return act_on_setting(troupe, fields, wish, value)

    on_act(rows, act, [], [done, rows])
    on_topics(pulse, ["settings"], value, [rows])


def act_on_setting(troupe: Troupe, fields: dict[str, SettingField], wish: Act, value: Any) -> Any:
    """Set or reset one; a refusal is shown at the setting itself."""
    key = str(wish.get("key"))
    field = fields.get(key)
    if field is None:
        raise InvalidRequest(f"There is no setting {key!r} here.", param=key)
    wanted = wish.get("value") if wish.get("do") == "set" else None
    try:
        troupe.settings.change(key, wanted)
    except SpeechError as error:
        return said(""), value(key, _short(error.message))
    return said(f"{key} saved." if wanted is not None else f"{key} has its default again."), value()


def _section(field: SettingField) -> str:
    section, dot, _ = field.key.partition(".")
    return section if dot else ""


def _short(message: str) -> str:
    """Without the file's path, which says nothing to somebody in front of a form."""
    _, found, rest = message.partition("expected ")
    return f"Expected {rest}" if found else message
