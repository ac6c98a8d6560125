"""Who speaks: narrator, character or a member of the cast, told from asterisks and quotation marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from server.errors import InvalidRequest
from server.text.speakers import NamePrefixes
from server.text.traced import BREAKS, INCHES, SOFT_BREAK, WEAK_STOP, Glyph

NARRATOR = "narrator"
CHARACTER = "character"
USER = "user"

# Opening quotation mark: what closes it. The straight one closes any of them, as people mix them.
_QUOTES = {
    '"': '"”',
    "“": '”"',
    "„": '“”"',
    "«": '»"',
    "»": '«"',
    "”": '”"',
    "「": "」",
    "『": "』",
    "＂": "＂",
}
_CLOSING = frozenset('"”“»«」』＂')
_MARKS = frozenset("*_") | _QUOTES.keys() | _CLOSING
_OPENS_BEFORE = frozenset(" \t()[]{}¿¡—–-…/:,;.!?~、。，！？：") | frozenset(BREAKS) | _MARKS
"""What may stand before a mark that opens."""
_LONGEST_FRAGMENT = 2
"""Letters before an asterisk within a word: ``f*ck`` hides a letter, ``waves*Hello`` ends an action."""


@dataclass(frozen=True, slots=True)
class RoleRules:
    """How marks become roles."""

    unmarked: Literal["character", "narrator", "silent"] = "character"
    """Who speaks text that is neither in asterisks nor in quotation marks."""
    skip: frozenset[str] = frozenset()
    """What is left out: ``actions`` (in asterisks), ``speech`` (in quotation marks), both or neither."""
    speaker: str = CHARACTER
    """The role whose message this is: quotation marks and unmarked text are its speech."""
    split: bool = True
    """False: one voice, the speaker's, reads everything; asterisks are still not spoken."""

    def __post_init__(self) -> None:
        for name, value, accepted in (
            ("unmarked", {self.unmarked}, ("character", "narrator", "silent")),
            ("skip", self.skip, ("actions", "speech")),
        ):
            if wrong := set(value) - set(accepted):
                raise InvalidRequest(
                    f"{name} must be of {', '.join(accepted)}, not {', '.join(sorted(wrong))}.", param=name
                )


class RoleSplitter:
    """Push stage: glyphs in, (role, glyph) out through ``emit``; None is the role of what stays unspoken.

    Everything is decided from what came before and one character more. A mark that is never closed ends with
    its paragraph.
    """

    def __init__(
        self,
        emit: Callable[[str | None, Glyph], None],
        rules: RoleRules | None = None,
        cast: Mapping[str, str] | None = None,
    ) -> None:
        self._emit = emit
        self._rules = rules or RoleRules()
        self._names = NamePrefixes(self._feed, self._speaks, cast or {})
        self._speaker = self._rules.speaker
        self._head = False
        """Nothing but white space since ``Name:``."""
        self._script = False
        """The line began with ``Name:`` and has no marks: all of it is that name's speech."""
        self._open: list[str] = []
        """Marks that are open, outermost first: ``*``, ``_`` or an opening quotation mark."""
        self._bold = False
        self._run: list[Glyph] = []
        """Equal marks waiting for the character behind them."""
        self._prev = SOFT_BREAK
        self._before_prev = " "
        self._fragment = 0
        """Letters since the last character that is not one."""
        self._sentence = False
        """The outermost action has several words or began where a sentence may: it is no mere emphasis."""
        self._last = ""
        """The last character that was neither white space nor a mark."""
        self._feet = False
        """The word so far is feet and perhaps inches: ``5'10``."""

    def add(self, glyphs: Iterable[Glyph]) -> None:
        """Take some glyphs."""
        for glyph in glyphs:
            self.feed(glyph)

    def feed(self, glyph: Glyph) -> None:
        """Take one glyph."""
        self._names.feed(glyph)

    def finish(self) -> None:
        """Nothing more comes."""
        self._names.finish()
        self._decide("")

    @property
    def role(self) -> str | None:
        """The role of unmarked text, speech or an action, whichever is open."""
        rules = self._rules
        if any(mark in _QUOTES for mark in self._open):
            return None if "speech" in rules.skip else self._speaker
        if self._open:
            role: str | None = NARRATOR
            if "actions" in rules.skip:
                return None
        elif self._script:
            return self._speaker
        else:
            role = {"character": self._speaker, "narrator": NARRATOR}.get(rules.unmarked)
            if not rules.split and role is None:
                return None
        return role if rules.split or role is None else self._speaker

    def _speaks(self, role: str) -> None:
        self._decide(" ")
        self._speaker = role
        self._open.clear()
        self._head = self._script = True
        self._prev = SOFT_BREAK

    def _feed(self, glyph: Glyph) -> None:
        if self._run:
            if glyph.char == self._run[0].char and glyph.char in "*_" and not glyph.literal:
                self._run.append(glyph)
                return
            self._decide(glyph.char)
        if glyph.char in _MARKS and not glyph.literal:
            self._run.append(glyph)
            return
        self._pass(glyph)

    def _pass(self, glyph: Glyph) -> None:
        self._emit(self.role, glyph)
        if glyph.char in BREAKS:
            self._script = False
            if glyph.char != SOFT_BREAK:
                self._open.clear()
                self._bold = False
        self._see(glyph.char)

    def _see(self, char: str) -> None:
        self._head = self._head and char.isspace()
        self._feet = (self._feet and char.isdigit()) or (char in "'’′" and self._prev.isdigit())
        self._fragment = self._fragment + 1 if char.isalpha() else 0
        self._sentence = self._sentence or char.isspace()
        if not char.isspace() and char not in "*_":
            self._last = char
        self._before_prev, self._prev = self._prev, char

    def _decide(self, following: str) -> None:
        """The run of marks is complete: what are they?"""
        run, self._run = self._run, []
        if not run:
            return
        self._script = self._script and not self._head
        if run[0].char == "*":
            self._asterisks(run, following)
        elif run[0].char == "_":
            self._underscores(run, following)
        else:
            self._quote(run[0], following)

    def _asterisks(self, run: list[Glyph], following: str) -> None:
        before, after = self._prev, following or " "
        is_open = "*" in self._open
        hides = before.isalpha() and after.isalpha() and (self._fragment <= _LONGEST_FRAGMENT or not is_open)
        if hides or self._is_product(before, after):
            self._literal(run)
            return
        if len(run) == 2 and not (is_open and not self._bold and not before.isspace() and not after.isalnum()):
            self._bold = not self._bold
        elif len(run) <= 3:
            just_opened = self._open and self._open[-1] == before and before in _QUOTES
            opens = not after.isspace() and before in _OPENS_BEFORE
            if opens and (not is_open or before.isspace() or before in "([{" or just_opened):
                self._open_mark("*")
            elif is_open:
                self._close_mark("*", run[-1].end)
        self._see("*")

    def _is_product(self, before: str, after: str) -> bool:
        """``2*3`` and ``2 * 3``, also of variables: ``2*x``."""
        spaced = before == after == " " and self._before_prev.isdigit()
        return spaced or (before.isdigit() and after.isalnum())

    def _underscores(self, run: list[Glyph], following: str) -> None:
        before, after = self._prev, following or " "
        opens = before in _OPENS_BEFORE and (after.isalnum() or after in _QUOTES or after in "*¿¡")
        closes = not before.isspace() and not after.isalnum() and before != "_"
        if len(run) == 2 and (opens or closes):
            pass
        elif len(run) != 1 or not (opens or closes):
            self._literal(run)
            return
        elif opens:
            self._open_mark("_")
        elif "_" in self._open:
            self._close_mark("_", run[-1].end)
        else:
            self._literal(run)
            return
        self._see("_")

    def _quote(self, glyph: Glyph, following: str) -> None:
        char, before, after = glyph.char, self._prev, following or " "
        quote = next((m for m in reversed(self._open) if m in _QUOTES), None)
        closes = quote is not None and char in _QUOTES[quote]
        opens = char in _QUOTES and before in _OPENS_BEFORE and (before in BREAKS or not after.isspace())
        opens = opens or (char in "“„«「『" and not closes)
        if char in '"”' and before.isdigit() and (self._feet or quote is None):
            self._literal([glyph._replace(char=INCHES)])
        elif closes and not (char in (quote, '"') and opens and before.isspace() and not after.isspace()):
            self._emit(self.role, glyph)
            self._see(char)
            while self._open.pop() != quote:
                pass
        elif opens and (char not in self._open or before == SOFT_BREAK):
            if before == SOFT_BREAK:
                self._open.clear()
            self._open.append(char)
            self._literal([glyph])
        else:
            self._literal([glyph])

    def _literal(self, run: list[Glyph]) -> None:
        for glyph in run:
            self._emit(self.role, glyph)
            self._see(glyph.char)

    def _open_mark(self, mark: str) -> None:
        if self._prev == SOFT_BREAK:
            self._open.clear()
        innermost = self._open[-1] if self._open else None
        if innermost is None:
            self._sentence = not self._last.isalnum() and self._last not in ",;:—–"
        if innermost != mark:
            self._open.append(mark)

    def _close_mark(self, mark: str, at: int) -> None:
        was = self.role
        while self._open.pop() != mark:
            pass
        if not self._open and self._sentence and was == self.role:
            # One voice goes on: what follows an action is a new sentence if it looks like one.
            self._emit(was, Glyph(WEAK_STOP, at, at))
