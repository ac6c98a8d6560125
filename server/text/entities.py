"""Character references (``&quot;``, ``&#39;``) become their characters, while the text is arriving."""

from __future__ import annotations

import html
from collections.abc import Callable

from server.text.traced import Glyph

LONGEST = 12
"""Characters waited for after an ampersand."""


class EntityDecoder:
    """Push stage: glyphs in, glyphs out through ``emit``; holds back an unfinished reference."""

    def __init__(self, emit: Callable[[Glyph], None]) -> None:
        self._emit = emit
        self._held: list[Glyph] = []

    def feed(self, glyph: Glyph) -> None:
        """Take one glyph."""
        if glyph.char == "&":
            self.finish()
            self._held.append(glyph)
        elif not self._held:
            self._emit(glyph)
        elif glyph.char == ";":
            self._held.append(glyph)
            self._decode()
        elif (glyph.char.isalnum() or glyph.char == "#") and len(self._held) < LONGEST:
            self._held.append(glyph)
        else:
            self.finish()
            self._emit(glyph)

    def finish(self) -> None:
        """Nothing more comes: what was held is text."""
        held, self._held = self._held, []
        for glyph in held:
            self._emit(glyph)

    def _decode(self) -> None:
        reference = "".join(g.char for g in self._held)
        decoded = html.unescape(reference)
        if decoded == reference:
            self.finish()
            return
        start, end = self._held[0].start, self._held[-1].end
        self._held = []
        for char in decoded:
            self._emit(Glyph(" " if char == "\xa0" else char, start, end))
