"""HTML tags and the reasoning blocks of language models are taken out while the text is arriving."""

from __future__ import annotations

import re
from collections.abc import Callable

from server.text.traced import Glyph

LONGEST_TAG = 2000
"""Characters; what is still open then was no tag."""

# What a model wraps around its reasoning: the token that opens it, and those that end it.
REASONING = {
    "<think>": ("</think>",),
    "<thinking>": ("</thinking>",),
    "<thought>": ("</thought>",),
    "<reasoning>": ("</reasoning>",),
    "<seed:think>": ("</seed:think>",),
    "<|think|>": ("<|end|>", "<|content|>"),
    "<|begin_of_thought|>": ("<|end_of_thought|>",),
    "[think]": ("[/think]",),
    "◁think▷": ("◁/think▷",),
}
REASONING_CHANNELS = ("analysis", "commentary")
REASONING_END = (
    "</think>",
    "</thinking>",
    "</thought>",
    "</reasoning>",
    "</seed:think>",
    "[/think]",
    "◁/think▷",
)
"""Ends that some models write without ever having written the beginning."""
_CHANNEL_END = ("<|end|>", "<|start|>", "<|channel|>")
_HEADER_BEGIN = ("<|start|>", "<|channel|>", "<|begin|>")
_HEADER_END = ("<|message|>", "<|content|>")
_LONGEST_HEADER = 200

# Elements whose content is never read, whatever they hold.
UNREAD = ("script", "style", "audio", "video", "svg", "iframe", "object", "template", "tool_call")
_BREAKING = {
    **dict.fromkeys(("br", "/li", "/tr", "tr", "/dt", "/dd", "summary", "/summary"), "\n"),
    **dict.fromkeys(
        (
            "p",
            "/p",
            "div",
            "/div",
            "hr",
            "blockquote",
            "/blockquote",
            "ul",
            "/ul",
            "ol",
            "/ol",
            "table",
            "/table",
        ),
        "\n\n",
    ),
    **{f"h{n}": "\n\n# " for n in range(1, 7)},
    **{f"/h{n}": "\n\n" for n in range(1, 7)},
    "li": "\n- ",
    **dict.fromkeys(("/td", "/th"), ", "),
}
_ATTRIBUTE = r"""[\w:@.-]+\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'<>]+)"""
_FLAG = r"(?:controls|autoplay|hidden|open|disabled|loop|muted|checked|async|defer|allowfullscreen)\b"
_TAG = re.compile(rf"<(/?[A-Za-z][\w:-]*)((?:\s+(?:{_ATTRIBUTE}|{_FLAG}))*)\s*/?>")
_MEDIA = re.compile(r"<(?:img|audio|video|source|iframe|object|embed|svg)\s", re.IGNORECASE)
"""Tags that may carry a whole file; nothing of them is read, not even what an image generator was told."""


class TagFilter:
    """Push stage: drops tags and reasoning; a ``<`` that opens nothing is text.

    Reasoning that never ends is never spoken: the model was stopped while it was thinking.
    """

    def __init__(self, emit: Callable[[Glyph], None], html: bool = True, skip_reasoning: bool = True) -> None:
        self._emit = emit
        self._html = html
        self._skip_reasoning = skip_reasoning
        self._held: list[Glyph] = []
        self._until: tuple[str, ...] = ()
        self._tail = ""
        self._header: str | None = None

    def begin_in_reasoning(self) -> None:
        """The text starts inside a block whose opening token was never written."""
        self._until = REASONING_END

    def feed(self, glyph: Glyph) -> None:
        """Take one glyph."""
        if self._until:
            self._skip(glyph)
        elif not self._held:
            if glyph.char in "<[◁":
                self._held.append(glyph)
            else:
                self._pass(glyph)
        else:
            self._hold(glyph)

    def finish(self) -> None:
        """Nothing more comes: what was held is text."""
        self._release()

    def _pass(self, glyph: Glyph) -> None:
        if self._header is None:
            self._emit(glyph)
        elif len(self._header) < _LONGEST_HEADER:
            self._header += glyph.char
        else:
            self._header = None

    def _skip(self, glyph: Glyph) -> None:
        self._tail = (self._tail + glyph.char.lower())[-24:]
        if not self._tail.endswith(self._until):
            return
        end = next(token for token in self._until if self._tail.endswith(token))
        self._until, self._tail = (), ""
        if end in _HEADER_BEGIN:
            self._header = ""

    def _hold(self, glyph: Glyph) -> None:
        opener = self._held[0].char
        if glyph.char == "<":
            self._release()
            self._held.append(glyph)
            return
        self._held.append(glyph)
        held = "".join(g.char for g in self._held) if len(self._held) < 24 else ""
        if opener != "<":
            token = held.lower()
            if token in REASONING or token in REASONING_END:
                self._token(token)
            elif not any(name.startswith(token) for name in (*REASONING, *REASONING_END) if token):
                self._release()
        elif held == "<!--":
            self._held, self._until = [], ("-->",)
        elif glyph.char == ">":
            self._close()
        elif glyph.char == "\n" or (len(self._held) == 2 and not (glyph.char.isalpha() or glyph.char in "/!|?")):
            self._release()
        elif len(self._held) > LONGEST_TAG:
            self._give_up()

    def _give_up(self) -> None:
        if self._html and _MEDIA.match("".join(g.char for g in self._held[:16])):
            self._held, self._until = [], (">",)
        else:
            self._release()

    def _close(self) -> None:
        held = "".join(g.char for g in self._held)
        token = held.lower()
        tag = _TAG.fullmatch(held)
        if token in REASONING or token in REASONING_END or (token.startswith("<|") and token.endswith("|>")):
            self._token(token)
        elif self._html and tag:
            self._tag(tag[1].lower())
        elif self._html and token.startswith(("<!doctype", "<?xml")):
            self._held = []
        else:
            self._release()

    def _token(self, token: str) -> None:
        self._held = []
        if token in REASONING and self._skip_reasoning:
            self._until = REASONING[token]
        elif token in _HEADER_BEGIN:
            self._header = ""
        elif token in _HEADER_END and self._header is not None:
            channel, self._header = self._header.strip(), None
            if self._skip_reasoning and channel.startswith(REASONING_CHANNELS):
                self._until = _CHANNEL_END

    def _tag(self, name: str) -> None:
        start, end = self._held[0].start, self._held[-1].end
        closed = self._held[-2].char == "/"
        self._held = []
        if name in UNREAD and not closed:
            self._until = (f"</{name}>",)
            return
        for char in _BREAKING.get(name, ""):
            self._pass(Glyph(char, start, end))

    def _release(self) -> None:
        """What was held turns out to be text; another opener inside it gets its own chance."""
        held, self._held = self._held, []
        for i, glyph in enumerate(held):
            if i and glyph.char in "<[◁":
                for rest in held[i:]:
                    self.feed(rest)
                return
            self._pass(glyph)
