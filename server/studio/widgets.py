"""Thin typed wrappers round Gradio: the studio's own widgets, notices, and how handlers answer.

A widget is a Gradio HTML component that a script in ``page/`` draws into (``troupe.widgets.NAME``). Python sends
it a value, and it sends back acts: objects with ``do`` and what belongs to it.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import gradio as gr

from server.errors import SpeechError

Component = Any
"""A Gradio component; the library has no types that say more."""
Handler = Callable[..., Any]
Act = Mapping[str, Any]
"""What a widget sends: ``do`` and what belongs to it. It comes from a browser: nothing in it is to be trusted."""
OPENED = "opened"
TOPICS = (OPENED, "engine", "voices", "map", "lexicon", "rvc", "settings", "install")
"""What ``GET /api/revisions`` tells of, and before all the opening of the page."""
SPEAKS = "tr-speaks"
"""Class of the buttons that begin to speak: from pressing one until something is heard, the player measures."""
SILENT: Mapping[str, str] = {"kind": "empty", "text": ""}
"""A notice's value when there is nothing to say."""


def widget(name: str, value: object = None, *, elem_id: str | None = None) -> Component:
    """One of ``page/*.js``; ``on_act`` listens to it."""
    return _html(name, "(data) => trigger('act', data)", value, elem_id)


def notice(elem_id: str | None = None) -> Component:
    """A place beside a form that says what was done, or why it was not."""
    return widget("notice", elem_id=elem_id)


def pulse() -> Component:
    """The part of a page that notices changes made elsewhere; ``on_topics`` listens to it."""
    events = ", ".join(f"{topic}: 'topic_{topic}'" for topic in TOPICS)
    return _html("pulse", f"({{ topic }}) => trigger({{ {events} }}[topic])", None, None)


def said(text: str, kind: Literal["good", "bad", "info"] = "good") -> dict[str, str]:
    """A notice's value."""
    return {"kind": kind, "text": text}


def on(
    event: Any,
    handler: Handler,
    inputs: Sequence[Component] = (),
    outputs: Sequence[Component] = (),
    *,
    slow: bool = False,
) -> None:
    """Call ``handler`` on an event; when it refuses (SpeechError), the first output, a notice, says why.

    ``slow`` is for work of more than a moment: it goes through Gradio's queue, where a page can wait for it.
    """

    async def answered(*values: Any) -> Any:
        return await _answer(handler, values, len(outputs))

    _listen(event, answered, inputs, outputs, slow)


def on_act(
    source: Component,
    handler: Handler,
    inputs: Sequence[Component] = (),
    outputs: Sequence[Component] = (),
    *,
    slow: bool = False,
) -> None:
    """As ``on``, for a widget: ``handler`` is given the act before the inputs."""

    async def acted(event: gr.EventData, *values: Any) -> Any:
        act = event._data if isinstance(event._data, dict) else {}
        return await _answer(handler, (act, *values), len(outputs))

    _listen(source.act, acted, inputs, outputs, slow)


def on_topics(
    page: Component,
    topics: Sequence[str],
    refresh: Handler,
    outputs: Sequence[Component],
    inputs: Sequence[Component] = (),
) -> None:
    """Call ``refresh`` on opening the page and whenever a topic has changed, wherever that was done."""

    async def refreshed(*values: Any) -> Any:
        return await _called(refresh, values)

    for topic in (OPENED, *topics):
        # Gradio drops a second event while the first is under way; what changed meanwhile would not be seen.
        _listen(getattr(page, f"topic_{topic}"), refreshed, inputs, outputs, False, trigger_mode="always_last")


def _html(name: str, act: str, value: object, elem_id: str | None) -> Component:
    return gr.HTML(
        value=value,
        html_template=f'<div class="tr tr-widget-{name}"></div>',
        js_on_load=f"troupe.widgets.{name}({{ element, props, watch, act: {act} }});",
        apply_default_css=False,
        elem_id=elem_id,
    )


def _listen(
    event: Any,
    handler: Handler,
    inputs: Sequence[Component],
    outputs: Sequence[Component],
    slow: bool,
    **options: Any,
) -> None:
    event(
        handler,
        list(inputs),
        list(outputs),
        queue=slow,
        show_progress="hidden",
        concurrency_limit=None,
        api_visibility="private",
        **options,
    )


async def _answer(handler: Handler, values: Sequence[Any], outputs: int) -> Any:
    try:
        return await _called(handler, values)
    except SpeechError as error:
        refusal = said(error.message, "bad")
        return refusal if outputs == 1 else (refusal, *[gr.skip()] * (outputs - 1))


async def _called(handler: Handler, values: Sequence[Any]) -> Any:
    """Coroutines on the event loop, where engines live; plain functions, which may write files, on a thread."""
    if inspect.iscoroutinefunction(handler):
        return await handler(*values)
    return await asyncio.to_thread(handler, *values)
