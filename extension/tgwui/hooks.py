"""The hooks that the host calls. Whatever happens in them, the host gets back what it gave."""

from __future__ import annotations

import functools
import html
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from . import host
from .runtime import is_first_copy, runtime
from .tee import Tee, listened

_log = logging.getLogger("troupe")
_PAGE = Path(__file__).resolve().parent / "page"
_Value = TypeVar("_Value")


def _unharmed(function: Callable[..., _Value]) -> Callable[..., _Value]:
    """For hooks that are given something and give it back: on any failure, unchanged."""

    @functools.wraps(function)
    def guarded(given: Any, *args: Any, **options: Any) -> Any:
        try:
            return function(given, *args, **options)
        except Exception:  # noqa: BLE001 - an exception here would cost the person a reply
            _complain(function.__name__)
            return given

    return guarded


@functools.cache
def _complain(name: str) -> None:
    """Once for each hook: a fault that comes with every token must not flood the console."""
    _log.exception("Troupe: %s failed; the host goes on without it", name)


@functools.cache
def _tee() -> Tee:
    return Tee(runtime())


def setup() -> None:
    """Start towards the server, in the background."""
    try:
        if is_first_copy() and host.has_interface():
            runtime().audio.install()
            runtime().begin()
    except Exception:  # noqa: BLE001 - the host must start whatever is wrong here
        _complain("setup")


@_unharmed
def state_modifier(state: dict[str, Any]) -> dict[str, Any]:
    """Called at the beginning of each chat turn, and only there."""
    if is_first_copy():
        _tee().mark(state)
    return state


@_unharmed
def output_modifier(string: str, state: dict[str, Any], is_chat: bool = False) -> str:
    """Called once, with the complete reply; it goes on as it came."""
    if is_chat and is_first_copy():
        _tee().complete(string, state)
    return string


def custom_generate_reply(
    question: Any,
    original_question: Any,
    state: dict[str, Any],
    stopping_strings: Any = None,
    is_chat: bool = False,
) -> Iterator[str]:
    """The reply as it would be without us, heard on its way."""
    generate = host.generator(custom_generate_reply)
    if generate is None:
        yield ""
        return
    segment = None
    try:
        if is_chat and is_first_copy():
            segment = _tee().segment(question, state)
    except Exception:  # noqa: BLE001 - the reply matters more than its voice
        _complain("custom_generate_reply")
    replies = generate(question, original_question, state, stopping_strings, is_chat=is_chat)
    yield from listened(replies, segment)


def custom_css() -> str:
    return _page(".css") if is_first_copy() else ""


def custom_js() -> str:
    """Runs inside one function of the host's, after the page has been built."""
    return _page(".js") if is_first_copy() else ""


def _page(ending: str) -> str:
    try:
        return "\n".join(file.read_text(encoding="utf-8") for file in sorted(_PAGE.glob(f"*{ending}")))
    except OSError:
        _complain("page")
        return ""


def ui() -> None:
    """The block with the settings, or the reason why there is none."""
    try:
        if not is_first_copy():
            _say_only(f"Troupe is loaded twice; the settings are in the block of {runtime().repository}.")
            return
        from .block import build
        from .events import Events
        from .speaking import Speaking
        from .voices import VoiceList

        voices = VoiceList(runtime().launcher.client)
        parts = build(runtime(), voices)
        Events(runtime(), voices, parts).wire()
        Speaking(runtime(), voices, parts).wire()
    except Exception as error:  # noqa: BLE001 - the host's page must come up
        _complain("ui")
        _say_only(f"Troupe could not build its settings here: {error}")


def _say_only(reason: str) -> None:
    import gradio as gr

    gr.HTML(f"<p><b>Troupe</b>: {html.escape(reason)}</p>")
