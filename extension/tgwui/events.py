"""What the block does: choices, lists, the server. What makes a voice be heard is in ``speaking.py``."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import gradio as gr

from . import host
from .block import COMPLETE, LIVE, NOBODY, SAME, Parts, key_hint, of_character, rvc_of_narrator, status_html
from .choices import Character
from .runtime import Runtime
from .voices import VoiceList, blend, chosen
from .wiring import QUIET, chat_name

_SETTLED = ("ready", "failed", "off")
_WATCH = 1800.0
"""Seconds that a page follows an installation."""


class Events:
    """Wires one page's components; made anew whenever the host builds its page."""

    def __init__(self, runtime: Runtime, voices: VoiceList, parts: Parts) -> None:
        self._runtime = runtime
        self._voices = voices
        self._parts = parts
        self._shared = host.module("shared").gradio
        self._counter = itertools.count(1)

    def wire(self) -> None:
        self._on_load()
        self._choices()
        self._voice_lists()
        self._server()

    # What the page shows when it opens, and the way to it.

    def _on_load(self) -> None:
        parts, page = self._parts, self._shared["interface"]
        parts.page.change(None, parts.page, None, js="(prefs) => window.troupe && window.troupe.prefer(prefs)")
        page.load(self._general, None, self._of_general(), **QUIET)
        page.load(self._character, self._who(), parts.of_character(), **QUIET)
        self._follow(page.load)

    def _of_general(self) -> list[Any]:
        parts = self._parts
        return [parts.on, parts.when, parts.greeting, parts.player, parts.volume, parts.address, parts.page]

    def _general(self) -> list[Any]:
        general = self._runtime.choices.general()
        when = LIVE if general.live else COMPLETE
        volume = round(100 * general.volume)
        return [
            general.on, when, general.greeting, general.player, volume, general.address, self._preferences(),
        ]  # fmt: skip

    def _preferences(self) -> dict[str, Any]:
        general = self._runtime.choices.general()
        return {"number": next(self._counter), "player": general.player, "volume": general.volume}

    def _follow(self, event: Any) -> None:
        """From then on the status line, until the server is there: then its voices, for whoever is chosen by then."""
        parts = self._parts
        event(self._follow_server, None, [parts.status, parts.start], **QUIET).then(
            self._character, self._who(), parts.of_character(), **QUIET
        )

    async def _follow_server(self) -> AsyncIterator[list[Any]]:
        """The status line, at each change until nothing more is to be expected."""
        async for _ in self._runtime.watch.news(_WATCH):
            status = self._runtime.launcher.status
            yield [status_html(status), gr.update(visible=status.phase == "failed")]
            if status.phase in _SETTLED:
                return

    # Choices.

    def _choices(self) -> None:
        parts = self._parts
        self._follow(parts.on.input(self._switch, parts.on, [parts.status, parts.start], **QUIET).then)
        self._keep(parts.when, lambda value: {"live": value != COMPLETE})
        self._keep(parts.greeting, lambda value: {"greeting": bool(value)})
        self._keep(parts.player, lambda value: {"player": bool(value)})
        self._keep(parts.volume, lambda value: {"volume": max(0.0, min(1.0, float(value) / 100))})
        pick = self._voices.chosen
        self._keep_of_character(parts.voice, lambda value, old: {"voice": pick(value, NOBODY, old.voice)})
        narrator = [parts.narrator, *self._who()]
        parts.narrator.input(self._narrator, narrator, [parts.redrawn, parts.rvc_narrator], **QUIET)
        self._keep_of_character(parts.unmarked, lambda value, _: {"unmarked": str(value)})
        self._keep_of_character(parts.skip, lambda value, _: {"skip": tuple(value)})
        self._keep_of_character(parts.speed, lambda value, _: {"speed": float(value)})
        self._keep_of_character(parts.rvc, lambda value, _: {"rvc": chosen(value)})
        self._keep_of_character(parts.rvc_narrator, lambda value, _: {"rvc_narrator": chosen(value)})
        mix = [parts.one, parts.other, parts.share]
        parts.use_blend.click(self._use_blend, [*mix, *self._who()], parts.of_character(), **QUIET)
        parts.forget.click(self._forget, self._who(), parts.of_character(), **QUIET)
        for name in ("character_menu", "mode"):
            self._shared[name].change(self._character, self._who(), parts.of_character(), **QUIET)

    def _keep(self, part: Any, values: Callable[[Any], dict[str, Any]]) -> None:
        def keep(value: Any) -> dict[str, Any]:
            self._runtime.choices.change(**values(value))
            return self._preferences()

        part.input(keep, part, self._parts.page, **QUIET)

    def _keep_of_character(self, part: Any, values: Callable[[Any, Character], dict[str, Any]]) -> None:
        def keep(value: Any, character: Any, mode: Any) -> None:
            name = chat_name(character, mode)
            before = self._runtime.character(name)
            self._runtime.choices.change_character(name, self._runtime.engine(), **values(value, before))

        part.input(keep, [part, *self._who()], None, **QUIET)

    def _narrator(self, value: Any, character: Any, mode: Any) -> list[Any]:
        """Who narrates; the list of his conversions says by its first entry what no choice means then."""
        name = chat_name(character, mode)
        before = self._runtime.character(name)
        voice = self._voices.chosen(value, SAME, before.narrator)
        after = self._runtime.choices.change_character(name, self._runtime.engine(), narrator=voice)
        if bool(before.narrator) == bool(after.narrator):
            return [gr.update(), gr.update()]
        return [{"number": next(self._counter)}, gr.update(choices=rvc_of_narrator(after, self._voices))]

    def _switch(self, on: bool) -> list[Any]:
        self._runtime.choices.change(on=bool(on))
        if on:
            self._runtime.begin()
        else:
            self._runtime.launcher.stop()
        return self._status()

    def _character(self, character: Any, mode: Any) -> list[Any]:
        if self._runtime.launcher.status.phase == "ready":
            self._voices.refresh()
        return of_character(self._runtime, self._voices, chat_name(character, mode))

    def _forget(self, character: Any, mode: Any) -> list[Any]:
        self._runtime.choices.forget_character(chat_name(character, mode))
        return self._character(character, mode)

    def _use_blend(self, one: Any, other: Any, share: float, character: Any, mode: Any) -> list[Any]:
        voice = blend(chosen(one), chosen(other), share)
        if voice:
            self._runtime.choices.change_character(chat_name(character, mode), self._runtime.engine(), voice=voice)
        return self._character(character, mode)

    def _voice_lists(self) -> None:
        """Offered as the server's voices change: asked for when a list is opened, or when a person comes back."""
        parts = self._parts
        lists = (parts.voice, parts.narrator, parts.rvc, parts.rvc_narrator)
        for event in (*(part.focus for part in lists), parts.look.click):
            event(self._refresh, self._who(), [parts.status, parts.redrawn, *parts.of_character()], **QUIET)
        parts.redrawn.change(None, parts.redrawn, None, js="() => window.troupe && window.troupe.redrawn()")
        for part in (parts.one, parts.other):
            part.focus(self._mixable, None, [parts.one, parts.other], **QUIET)

    def _refresh(self, character: Any, mode: Any) -> list[Any]:
        before = self._offered()
        status = self._runtime.launcher.refresh()
        self._voices.refresh()
        same = before == self._offered()
        # An open list loses what was typed into it when it is drawn anew.
        if same:
            return [status_html(status), *[gr.update()] * (1 + len(self._parts.of_character()))]
        return [status_html(status), {"number": next(self._counter)}, *self._character(character, mode)]

    def _offered(self) -> tuple[object, ...]:
        return self._runtime.engine(), self._voices.options(""), self._voices.rvc("")

    def _mixable(self) -> list[Any]:
        self._voices.refresh()
        return [gr.update(choices=self._voices.own())] * 2

    # The server.

    def _server(self) -> None:
        parts = self._parts
        outputs = [parts.status, parts.start]
        self._follow(parts.start.click(self._begin_again, None, outputs, **QUIET).then)
        self._follow(
            parts.connect.click(self._connect, [parts.address, parts.key], [*outputs, parts.key], **QUIET).then
        )

    def _status(self) -> list[Any]:
        status = self._runtime.launcher.status
        return [status_html(status), gr.update(visible=status.phase == "failed")]

    def _begin_again(self) -> list[Any]:
        self._runtime.notices.fine()
        self._runtime.begin()
        return self._status()

    def _connect(self, address: str, key: str) -> list[Any]:
        """An empty key keeps the one that is saved, unless the address changes: it belongs to that server."""
        before = self._runtime.choices.general()
        address = address.strip().rstrip("/")
        if address and "://" not in address:
            address = f"http://{address}"
        kept = key.strip() or (before.key if address == before.address else "")
        self._runtime.choices.change(address=address, key=kept, on=True)
        return [*self._begin_again(), gr.update(value="", placeholder=key_hint(kept))]

    def _who(self) -> list[Any]:
        return [self._shared["character_menu"], self._shared["mode"]]
