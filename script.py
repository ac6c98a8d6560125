"""text-generation-webui's entry: loads extension/ under a name of its own and hands over its hooks.

The host loads this file in two ways, one of them without a package, from a folder of any name; and its own
``server`` and ``modules`` are on the path. So the package is loaded by its place, under a name that is ours.
Whatever fails, the host starts: it gets a block with the reason instead.
"""

import hashlib
import importlib
import sys
import types
from pathlib import Path
from typing import Any

params = {"display_name": "Troupe", "is_tab": False}

_FOLDER = Path(__file__).resolve().parent


def _load_hooks() -> Any:
    name = "troupe_extension_" + hashlib.sha256(str(_FOLDER).encode()).hexdigest()[:12]
    if name not in sys.modules:
        package = types.ModuleType(name)
        package.__path__ = [str(_FOLDER / "extension")]
        sys.modules[name] = package
    return importlib.import_module(name + ".tgwui.hooks")


try:
    _hooks = _load_hooks()
    setup = _hooks.setup
    ui = _hooks.ui
    custom_css = _hooks.custom_css
    custom_js = _hooks.custom_js
    state_modifier = _hooks.state_modifier
    output_modifier = _hooks.output_modifier
    custom_generate_reply = _hooks.custom_generate_reply
except Exception as _error:  # noqa: BLE001 - a missing module raised here would keep the host from starting
    _reason = f"{type(_error).__name__}: {_error}"
    print(f"Troupe could not be loaded: {_reason}", file=sys.stderr)  # noqa: T201 - before any logging

    def ui() -> None:
        """Say why there is nothing here."""
        import gradio as gr

        why = _reason.replace("`", "'")
        gr.Markdown(f"**Troupe** could not be loaded. The reason, for a report: `{why}`")
