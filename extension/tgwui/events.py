"""What the block does, and the host's buttons that concern a voice."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from . import casting, host
from .block import COMPLETE, LIVE, Parts, key_hint, of_character, status_html
from .reply import Reply
from .runtime import Runtime, who_speaks
from .segment import Segment
from .sessions import Session
from .turn import Turn, page_clip
from .voices import VoiceList, blend, chosen

_SETTLED = ("ready", "failed", "off")
_WATCH = 1800.0
"""Seconds that a page follows an installation."""
_MOST_KEYS = 400
_SILENT_JS = "() => { window.troupe && window.troupe.hush() }"


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
        self._sound()
        self._server()
        self._chat()
        self._notebook()

    # What the page shows when it opens, and the way to it.

    def _on_load(self) -> None:
        parts, page = self._parts, self._shared["interface"]
        parts.relay.change(None, parts.relay, None, js="(news) => window.troupe && window.troupe.news(news)")
        parts.answer.change(None, parts.answer, None, js="(found) => window.troupe && window.troupe.found(found)")
        parts.page.change(None, parts.page, None, js="(prefs) => window.troupe && window.troupe.prefer(prefs)")
        page.load(self._general, None, self._of_general(), **_QUIET)
        page.load(self._character, self._who(), parts.of_character(), **_QUIET)
        page.load(self._follow_server, None, [parts.status, parts.start, parts.voice, parts.narrator], **_QUIET)
        parts.ask_go.click(self._find_takes, parts.ask, parts.answer, queue=False, **_QUIET)

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

    async def _follow_server(self) -> AsyncIterator[list[Any]]:
        """The status line, at each change until nothing more is to be expected."""
        async for _ in self._runtime.watch.news(_WATCH):
            status = self._runtime.launcher.status
            lists: list[Any] = [gr.update(), gr.update()]
            if status.phase == "ready":
                await asyncio.to_thread(self._voices.refresh)
                lists = [
                    gr.update(choices=self._voices.options("Default voice")),
                    gr.update(choices=self._voices.options("Same as the character")),
                ]
            yield [status_html(status), gr.update(visible=status.phase == "failed"), *lists]
            if status.phase in _SETTLED:
                return

    def _find_takes(self, asked: str) -> dict[str, Any]:
        keys = _object(asked).get("keys")
        names = [str(name) for name in keys[:_MOST_KEYS]] if isinstance(keys, list) else []
        address = self._runtime.audio.address
        found = self._runtime.takes.find_all(names)
        takes = {name: [page_clip(clip, address) for clip in clips] for name, clips in found.items()}
        return {"number": next(self._counter), "asked": names, "takes": takes}

    # Choices.

    def _choices(self) -> None:
        parts = self._parts
        parts.on.input(self._switch, parts.on, [parts.status, parts.start], **_QUIET).then(
            self._follow_server, None, [parts.status, parts.start, parts.voice, parts.narrator], **_QUIET
        )
        self._keep(parts.when, lambda value: {"live": value != COMPLETE})
        self._keep(parts.greeting, lambda value: {"greeting": bool(value)})
        self._keep(parts.player, lambda value: {"player": bool(value)})
        self._keep(parts.volume, lambda value: {"volume": max(0.0, min(1.0, float(value) / 100))})
        self._keep_of_character(parts.voice, lambda value: {"voice": chosen(value)})
        self._keep_of_character(parts.narrator, lambda value: {"narrator": chosen(value)})
        self._keep_of_character(parts.unmarked, lambda value: {"unmarked": str(value)})
        self._keep_of_character(parts.skip, lambda value: {"skip": tuple(value)})
        self._keep_of_character(parts.speed, lambda value: {"speed": float(value)})
        self._keep_of_character(parts.rvc, lambda value: {"rvc": chosen(value)})
        parts.forget.click(self._forget, self._who(), parts.of_character(), **_QUIET)
        for name in ("character_menu", "mode"):
            self._shared[name].change(self._character, self._who(), parts.of_character(), **_QUIET)

    def _keep(self, part: Any, values: Callable[[Any], dict[str, Any]]) -> None:
        def keep(value: Any) -> dict[str, Any]:
            self._runtime.choices.change(**values(value))
            return self._preferences()

        part.input(keep, part, self._parts.page, **_QUIET)

    def _keep_of_character(self, part: Any, values: Callable[[Any], dict[str, Any]]) -> None:
        def keep(value: Any, character: Any, mode: Any) -> None:
            who = _who(character, mode)
            self._runtime.choices.change_character(who, self._runtime.engine(), **values(value))

        part.input(keep, [part, *self._who()], None, **_QUIET)

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
        return of_character(self._runtime, self._voices, _who(character, mode))

    def _forget(self, character: Any, mode: Any) -> list[Any]:
        self._runtime.choices.forget_character(_who(character, mode))
        return self._character(character, mode)

    def _voice_lists(self) -> None:
        """Offered as the server's voices change: asked for whenever a list is opened."""
        parts = self._parts
        for part in (parts.voice, parts.narrator, parts.rvc):
            part.focus(self._refresh, self._who(), [parts.status, *parts.of_character()], **_QUIET)
        for part in (parts.one, parts.other):
            part.focus(self._mixable, None, [parts.one, parts.other], **_QUIET)

    def _refresh(self, character: Any, mode: Any) -> list[Any]:
        engine, before = self._runtime.engine(), self._voices.options("")
        status = self._runtime.launcher.refresh()
        self._voices.refresh()
        same = (engine, before) == (self._runtime.engine(), self._voices.options(""))
        # An open list loses what was typed into it when it is drawn anew.
        rest = [gr.update()] * len(self._parts.of_character()) if same else self._character(character, mode)
        return [status_html(status), *rest]

    def _mixable(self) -> list[Any]:
        self._voices.refresh()
        return [gr.update(choices=self._voices.own())] * 2

    # Sound.

    def _sound(self) -> None:
        parts = self._parts
        parts.stop.click(self._hush, None, None, js=_SILENT_JS, queue=False, **_QUIET)
        parts.say_go.click(self._say, [parts.say, *self._who()], parts.relay, **_FEED)
        parts.hear.click(self._hear, self._who(), parts.relay, **_FEED)
        mix = [parts.one, parts.other, parts.share]
        parts.hear_blend.click(self._hear_blend, [*mix, *self._who()], parts.relay, **_FEED)
        parts.use_blend.click(self._use_blend, [*mix, *self._who()], parts.of_character(), **_QUIET)

    def _hush(self, request: gr.Request) -> None:
        self._session(request).hush()

    async def _say(self, order: str, character: Any, mode: Any, request: gr.Request) -> AsyncIterator[dict[str, Any]]:
        """Speak a message of the chat (again)."""
        wish = _object(order)
        text = str(wish.get("text") or "")
        index = wish.get("index")
        turn = self._spoken(text, _who(character, mode), "message")
        turn.text = text
        turn.index = index if isinstance(index, int) else None
        async for news in self._relay(request, "say", turn):
            yield news

    async def _hear(self, character: Any, mode: Any, request: gr.Request) -> AsyncIterator[dict[str, Any]]:
        turn = self._spoken(casting.SAMPLE, _who(character, mode), "preview")
        async for news in self._relay(request, "say", turn):
            yield news

    async def _hear_blend(
        self, one: Any, other: Any, share: float, character: Any, mode: Any, request: gr.Request
    ) -> AsyncIterator[dict[str, Any]]:
        who = _who(character, mode)
        voice = blend(chosen(one), chosen(other), share)
        voiced = replace(self._runtime.character(who), voice=voice, narrator="")
        turn = self._spoken(casting.SAMPLE, who, "preview", voiced)
        async for news in self._relay(request, "say", turn):
            yield news

    def _use_blend(self, one: Any, other: Any, share: float, character: Any, mode: Any) -> list[Any]:
        voice = blend(chosen(one), chosen(other), share)
        if voice:
            self._runtime.choices.change_character(_who(character, mode), self._runtime.engine(), voice=voice)
        return self._character(character, mode)

    def _spoken(self, text: str, who: str, kind: Any, voiced: Any = None) -> Turn:
        character = voiced or self._runtime.character(who)
        if kind == "preview":
            character = replace(character, skip=(), unmarked="character")
        turn = self._runtime.turn(kind, who, voiced=character)
        assert turn.narrator is not None
        segment = Segment(turn.narrator.wake, Reply(reasoning="reasoning" not in character.skip))
        segment.all(text)
        turn.narrator.add(segment)
        return turn

    async def _relay(
        self, request: gr.Request, clicked: str, turn: Turn | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Tell the page that asked about its turn until it is over."""
        session = self._session(request)
        if turn is not None:
            session.begin(turn)
        async for current in session.follow(clicked):
            yield current.message(self._runtime.audio.address)

    def _session(self, request: gr.Request) -> Session:
        return self._runtime.sessions.of(request.session_hash)

    # The server.

    def _server(self) -> None:
        parts = self._parts
        outputs = [parts.status, parts.start]
        follow = [parts.status, parts.start, parts.voice, parts.narrator]
        parts.start.click(self._begin_again, None, outputs, **_QUIET).then(self._follow_server, None, follow, **_QUIET)
        parts.connect.click(self._connect, [parts.address, parts.key], [*outputs, parts.key], **_QUIET).then(
            self._follow_server, None, follow, **_QUIET
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

    # The host's own buttons.

    def _chat(self) -> None:
        for trigger in self._triggers("Generate.click", "textbox.submit"):
            self._listen(trigger, "send")
        for trigger in self._triggers("Regenerate.click"):
            self._listen(trigger, "regenerate")
        for trigger in self._triggers("Continue.click"):
            self._listen(trigger, "continue")
        for trigger in self._triggers("Start new chat.click", "Start incognito chat.click", "character_menu.input"):
            self._listen(trigger, "new")
        # Another chat or mode is noticed by the page: Gradio's events for those lists also come when the host
        # itself fills them, as it does for a new chat whose greeting is just being spoken.
        for trigger in self._triggers(
            "Stop.click",
            "Remove last.click",
            "delete_chat-confirm.click",
            "branch_chat.click",
            "navigate_version.click",
        ):
            trigger(self._hush, None, None, js=_SILENT_JS, queue=False, **_QUIET)
        # Only when it is the message that is being spoken: the page knows which one that is.
        for trigger in self._triggers("edit_message.click"):
            trigger(None, None, None, js="() => window.troupe && window.troupe.edited()")

    def _triggers(self, *names: str) -> list[Any]:
        """Events of the host's components; one that this version of the host does not have is left out."""
        pairs = [name.rpartition(".") for name in names]
        return [getattr(self._shared[part], event) for part, _, event in pairs if part in self._shared]

    def _listen(self, trigger: Any, clicked: str) -> None:
        async def listen(request: gr.Request) -> AsyncIterator[dict[str, Any]]:
            if not self._runtime.choices.general().on:
                self._session(request).hush()
                return
            patience = 30.0 if clicked == "new" else 600.0
            async for turn in self._session(request).follow(clicked, patience):
                yield turn.message(self._runtime.audio.address)

        trigger(listen, None, self._parts.relay, js=_SILENT_JS, **_FEED)

    def _notebook(self) -> None:
        """A button beside Generate on the Notebook and Default tabs."""
        for beside, source in (
            ("Generate-notebook", "textbox-notebook"),
            ("Generate-default", "output_textbox"),
        ):
            if beside not in self._shared or source not in self._shared:
                continue
            button = gr.Button("Speak", elem_classes="small-button", elem_id=f"troupe-{source}")
            row = self._shared[beside].parent
            button.parent.children.remove(button)
            row.add(button)
            button.click(self._say_text, [self._shared[source], *self._who()], self._parts.relay, **_FEED)

    async def _say_text(
        self, text: str, character: Any, mode: Any, request: gr.Request
    ) -> AsyncIterator[dict[str, Any]]:
        turn = self._spoken(str(text or ""), _who(character, mode), "preview")
        async for news in self._relay(request, "say", turn):
            yield news

    def _who(self) -> list[Any]:
        return [self._shared["character_menu"], self._shared["mode"]]


_QUIET: dict[str, Any] = {"show_progress": "hidden", "show_api": False}
_FEED: dict[str, Any] = {**_QUIET, "concurrency_limit": None, "trigger_mode": "multiple"}
"""For events that last as long as a voice: they must neither wait for each other nor block the next click."""


def _who(character: Any, mode: Any) -> str:
    return who_speaks({"character_menu": character, "mode": mode})


def _object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
