"""``Name:`` at the head of a line: who speaks from there on, in a group chat."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from server.text.traced import BREAKS, Glyph

_MARKS = "*_"


class NamePrefixes:
    """Push stage: takes out ``Name:`` prefixes and reports them; holds back only a possible one."""

    def __init__(self, emit: Callable[[Glyph], None], speaks: Callable[[str], None], cast: Mapping[str, str]) -> None:
        self._emit = emit
        self._speaks = speaks
        self._roles = {name.strip().casefold(): role for name, role in cast.items() if name.strip()}
        self._longest = max(map(len, self._roles), default=0)
        self._held: list[Glyph] | None = []
        """The head of a line that may be a prefix; None within a line."""
        self._swallow = ""
        """Marks that were opened before the name and close behind the colon."""

    def feed(self, glyph: Glyph) -> None:
        """Take one glyph."""
        if glyph.char in BREAKS:
            self.finish()
            self._held = []
            self._emit(glyph)
        elif self._swallow:
            if glyph.char == self._swallow[0]:
                self._swallow = self._swallow[1:]
            else:
                self._swallow = ""
                self._emit(glyph)
        elif self._held is None or not self._roles:
            self._emit(glyph)
        elif glyph.char != " " or self._held:
            self._held.append(glyph)
            self._look()
        else:
            self._emit(glyph)

    def finish(self) -> None:
        """Nothing more comes in this line: what was held is text."""
        held, self._held, self._swallow = self._held or [], None, ""
        for glyph in held:
            self._emit(glyph)

    def _look(self) -> None:
        held = self._held or []
        text = "".join(g.char for g in held)
        bare = text.lstrip(_MARKS)
        opened = text[: len(text) - len(bare)]
        name = bare.rstrip(" ").rstrip(_MARKS)
        if bare and bare[-1] in ":：":
            before = bare[:-1].rstrip(" ")
            name = before.rstrip(_MARKS)
            role = self._roles.get(name.casefold())
            if role is None:
                self.finish()
                return
            self._held = None
            self._swallow = "" if len(before) > len(name) else opened
            self._speaks(role)
        elif len(opened) > 3 or len(name) > self._longest or not self._may_grow(name.casefold(), bare):
            self.finish()

    def _may_grow(self, name: str, bare: str) -> bool:
        if bare.rstrip(" ") != name and len(bare) > len(name):
            return name in self._roles or any(n.startswith(bare.casefold()) for n in self._roles)
        return any(n.startswith(bare.casefold()) or n == name for n in self._roles)
