"""What makes a voice be heard: the host's buttons, the players' and the block's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import gradio as gr

from . import casting, host
from .block import Parts
from .choices import Character
from .reply import Reply
from .runtime import Runtime
from .segment import Segment
from .sessions import Session
from .takes import MOST_ASKED
from .turn import Kind, Turn, page_clip
from .voices import VoiceList, blend, chosen
from .wiring import FEED, QUIET, chat_name

_SILENT_JS = "() => { window.troupe && window.troupe.hush() }"


class Speaking:
    """Relays turns to the page that asked; made anew whenever the host builds its page."""

    def __init__(self, runtime: Runtime, voices: VoiceList, parts: Parts) -> None:
        self._runtime = runtime
        self._voices = voices
        self._parts = parts
        self._shared = host.module("shared").gradio

    def wire(self) -> None:
        parts = self._parts
        parts.relay.change(None, parts.relay, None, js="(news) => window.troupe && window.troupe.news(news)")
        parts.answer.change(None, parts.answer, None, js="(found) => window.troupe && window.troupe.found(found)")
        parts.ask_go.click(self._find_takes, parts.ask, parts.answer, queue=False, **QUIET)
        self._sound()
        self._chat()
        self._notebook()

    def _find_takes(self, asked: str) -> dict[str, Any]:
        """Which of these messages have been spoken."""
        order = _object(asked)
        keys = order.get("keys")
        names = [str(name) for name in keys[:MOST_ASKED]] if isinstance(keys, list) else []
        address = self._runtime.audio.address
        found = self._runtime.takes.find_all(names)
        takes = {name: [page_clip(clip, address) for clip in clips] for name, clips in found.items()}
        # The number makes two equal answers differ, else the page would not hear of the second one.
        return {"number": order.get("number"), "asked": names, "takes": takes}

    def _sound(self) -> None:
        parts = self._parts
        parts.stop.click(self._hush, None, None, js=_SILENT_JS, queue=False, **QUIET)
        parts.say_go.click(self._say, [parts.say, *self._who()], parts.relay, **FEED)
        parts.hear.click(self._hear, self._who(), parts.relay, **FEED)
        mix = [parts.one, parts.other, parts.share]
        parts.hear_blend.click(self._hear_blend, [*mix, *self._who()], parts.relay, **FEED)

    def _hush(self, request: gr.Request) -> None:
        self._session(request).hush()

    async def _say(self, order: str, character: Any, mode: Any, request: gr.Request) -> AsyncIterator[dict[str, Any]]:
        """Speak a message of the chat (again)."""
        wish = _object(order)
        text = str(wish.get("text") or "")
        index = wish.get("index")
        turn = self._spoken(text, chat_name(character, mode), "message")
        turn.text, turn.speaker = text, str(wish.get("speaker") or "")
        turn.index = index if isinstance(index, int) else None
        async for news in self._relay(request, "say", turn):
            yield news

    async def _hear(self, character: Any, mode: Any, request: gr.Request) -> AsyncIterator[dict[str, Any]]:
        turn = self._spoken(casting.SAMPLE, chat_name(character, mode), "preview")
        async for news in self._relay(request, "say", turn):
            yield news

    async def _hear_blend(
        self, one: Any, other: Any, share: float, character: Any, mode: Any, request: gr.Request
    ) -> AsyncIterator[dict[str, Any]]:
        name = chat_name(character, mode)
        voice = blend(chosen(one), chosen(other), share)
        voiced = replace(self._runtime.character(name), voice=voice, narrator="")
        turn = self._spoken(casting.SAMPLE, name, "preview", voiced)
        async for news in self._relay(request, "say", turn):
            yield news

    def _spoken(self, text: str, who: str, kind: Kind, voiced: Character | None = None) -> Turn:
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
            trigger(self._hush, None, None, js=_SILENT_JS, queue=False, **QUIET)
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

        js = f"() => {{ window.troupe && window.troupe.hush({clicked!r}) }}"
        trigger(listen, None, self._parts.relay, js=js, **FEED)

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
            button.click(self._say_text, [self._shared[source], *self._who()], self._parts.relay, **FEED)

    async def _say_text(
        self, text: str, character: Any, mode: Any, request: gr.Request
    ) -> AsyncIterator[dict[str, Any]]:
        turn = self._spoken(str(text or ""), chat_name(character, mode), "text")
        async for news in self._relay(request, "say", turn):
            yield news

    def _who(self) -> list[Any]:
        return [self._shared["character_menu"], self._shared["mode"]]


def _object(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
