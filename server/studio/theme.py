"""How the studio looks: the fonts of the system, one accent, the same in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils import fonts

_PAGE = Path(__file__).parent / "page"
_SCRIPTS = ("base", "player", "cards", "mappings", "form", "lexicon", "engine", "models", "connect", "status")


def make_theme() -> Any:
    """Fonts are the system's own, so that nothing is fetched for them."""
    return gr.themes.Default(
        primary_hue="indigo",
        neutral_hue="slate",
        font=[fonts.Font(name) for name in ("system-ui", "-apple-system", "Segoe UI", "sans-serif")],
        font_mono=[fonts.Font(name) for name in ("ui-monospace", "SFMono-Regular", "Consolas", "monospace")],
    ).set(
        checkbox_border_color_dark="*neutral_400",
        # Text, links and buttons stand out from their ground by 4.5 to 1 at least.
        body_text_color_subdued="*neutral_600",
        color_accent="*primary_600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
    )


def style() -> str:
    """The style sheet."""
    return (_PAGE / "studio.css").read_text(encoding="utf-8")


def head() -> str:
    """The widgets' scripts, for the page's head: they must be there before the first widget is."""
    scripts = "\n".join((_PAGE / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
    return f"<script>\n{scripts}\n</script>"
