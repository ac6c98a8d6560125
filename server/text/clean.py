"""What is not to be read goes, sentence by sentence; nothing goes in a way that glues words together."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from server.text.addresses import speak_addresses
from server.text.cues import is_cue
from server.text.faces import drop_faces, speak_emoji
from server.text.options import TextOptions
from server.text.traced import Traced


@dataclass(frozen=True, slots=True)
class Step:
    """One named transformation with its switch."""

    name: str
    wanted: Callable[[TextOptions], bool]
    run: Callable[[Traced, TextOptions], Traced]


def always(options: TextOptions) -> bool:
    """The switch of a step that has choices instead of a switch, or none."""
    return True


def wants_numbers(options: TextOptions) -> bool:
    """The switch of the steps that read numbers."""
    return options.numbers


def wants_abbreviations(options: TextOptions) -> bool:
    """The switch of the steps that write abbreviations out."""
    return options.abbreviations


def wants_symbols(options: TextOptions) -> bool:
    """The switch of the steps that turn signs into words."""
    return options.symbols


def run_steps(steps: tuple[Step, ...], traced: Traced, options: TextOptions) -> Traced:
    """All wanted steps in their order."""
    for step in steps:
        if step.wanted(options):
            traced = step.run(traced, options)
    return traced


_ROUND = re.compile(r"\(([^()\[\]]{1,80})\)|\[([^()\[\]]{1,80})\]")
_APOSTROPHE = re.compile(
    r"(?<=\w)[’ʼ‘´`](?=\w)|(?<!\w)[’ʼ‘´`](?=\d0s|[Tt]is\b|[Tt]was\b|em\b|[Cc]ause\b)|(?<=s)[’ʼ](?=\s)"
)
_STRUCK = re.compile(r"~~|\|\|")
_STAR_PRODUCT = re.compile(r"(?<=[\d)])\s?\*\s?(?=[\d(A-Za-z])")
_STAR_SPACED = re.compile(r"(?<=\w)\s\*\s(?=\w)")
_STAR_IN_WORD = re.compile(r"(?<=[A-Za-z])\*+(?=[A-Za-z])")
_STAR = re.compile(r"\*+")
_UNDERSCORES = re.compile(r"_+")
_BANGS = re.compile(r"[!?]{2,}(?:1[!1]*(?!\d))?|[！？]{2,}")
_WIDE_REPEAT = re.compile(r"([。、，])\1+")
_DOTS = re.compile(r"\.(?:\s?\.)+(?!\d)|…(?:\s?[.…])*")
_DASH = re.compile(r"\s*(?:—+|―+|-{2,})\s*|(?<!\d)\s*–+\s*(?![\d$£€])|\s+–+\s+(?!\d)|(?<!\d)\s+–+\s+")
_SPACED_HYPHEN = re.compile(r"(?<=[^\W\d])\s+-\s+|\s+-\s+(?=[^\W\d])")
_TILDE_ABOUT = re.compile(r"(?<![\w~])~\s?(?=[$£€]?\d)")
_TILDES = re.compile(r"[~～〜]+")
_STRETCHED = re.compile(r"([a-zäöüßàâéèêëîïôûçñáíóúа-яё])\1{2,}|([A-Z])\2{3,}")
_ABOUT = {
    "en": "about ",
    "de": "etwa ",
    "fr": "environ ",
    "es": "unos ",
    "it": "circa ",
    "nl": "ongeveer ",
    "pt": "cerca de ",
}


def _cues(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_ROUND, lambda m: " " if is_cue(m[1] or m[2] or "") else m[0])


def _marks(traced: Traced, options: TextOptions) -> Traced:
    """What markdown and roles have left of asterisks, underscores and double bars."""
    traced = traced.sub(_STRUCK, " ").sub(_STAR_PRODUCT, " × ").sub(_STAR_SPACED, " × ").sub(_STAR_IN_WORD, "")
    return traced.sub(_STAR, " ").sub(_UNDERSCORES, " ")


def _punctuation(traced: Traced, options: TextOptions) -> Traced:
    traced = traced.sub(_BANGS, lambda m: _strongest(m[0])).sub(_WIDE_REPEAT, r"\1")
    traced = traced.sub(_DOTS, "…").sub(_SPACED_HYPHEN, ", ").sub(_DASH, ", ")
    return traced.sub(_TILDE_ABOUT, _ABOUT.get(options.language.split("-")[0], "")).sub(_TILDES, " ")


def _strongest(run: str) -> str:
    return next(mark for mark in "?？!！" if mark in run)


def _apostrophes(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_APOSTROPHE, "'")


def _addresses(traced: Traced, options: TextOptions) -> Traced:
    return speak_addresses(traced, options.urls, options.language.split("-")[0])


def _faces(traced: Traced, options: TextOptions) -> Traced:
    return drop_faces(traced)


def _emoji(traced: Traced, options: TextOptions) -> Traced:
    return speak_emoji(traced, options.emoji, options.language.split("-")[0])


def _stretched(traced: Traced, options: TextOptions) -> Traced:
    return traced.sub(_STRETCHED, lambda m: m[0][:2])


CLEANING = (
    Step("apostrophes", always, _apostrophes),
    Step("addresses", always, _addresses),
    Step("kaomoji", lambda o: o.kaomoji, _faces),
    Step("emoji", always, _emoji),
    Step("cues", lambda o: o.brackets != "read", _cues),
    Step("marks", always, _marks),
    Step("punctuation", lambda o: o.punctuation, _punctuation),
    Step("stretched", lambda o: o.stretched, _stretched),
)
"""In this order: an address may hold marks, a face may look like brackets."""

_QUOTES = re.compile('[‚‘"“”„«»‹›「」『』＂〝〞]')
_SINGLE_QUOTED = re.compile(r"(?<!\w)['‘]([^'‘’]{2,200})['’](?!\w)")
_BRACKETS = re.compile(r"[#()\[\]{}<>（）【】`^|\\•·]+")
_MATHS = re.compile(r"\$(?!\d)")
_SPACES = re.compile(r"\s+")
_BEFORE_MARK = re.compile(r"\s+(?=[,.;:!?…](?!\d))")
_MARKS_AGAIN = re.compile(r"([,;:])(?:\s*[,;:])+")
_BEFORE_STOP = re.compile(r"[,;:]\s*(?=[.!?…])")
_BEHIND_STOP = re.compile(r"(?<=[.!?…])\s*[,;:]+(?=\s|$)")
_LEADING = re.compile(r"^(?:[\s,.;:!?…'’‘%/&=+*—–]|-(?!\d))+|^(?:[。、，！？：；])+")
_TRAILING = re.compile(r"[\s'—–/-]+$")


def _tidy(traced: Traced, options: TextOptions) -> Traced:
    traced = traced.unwrap(_SINGLE_QUOTED).sub(_QUOTES, _gap)
    traced = _speak_brackets(traced).sub(_MATHS, " ").sub(_BRACKETS, " ").sub(_SPACES, " ").sub(_BEFORE_MARK, "")
    traced = traced.sub(_MARKS_AGAIN, r"\1").sub(_BEFORE_STOP, "").sub(_BEHIND_STOP, "")
    return traced.sub(_LEADING, "").sub(_TRAILING, "").strip()


def _speak_brackets(traced: Traced) -> Traced:
    """An aside is set off with commas; what is attached to a word (``print(x)``) is not one."""
    text = traced.text
    edits: list[tuple[int, int, str]] = []
    asides: list[bool] = []
    for i, char in enumerate(text):
        if char in "([":
            asides.append(i > 1 and text[i - 1] == " " and text[i - 2] not in " ,;:")
            edits.append((i - 1, i + 1, ", ") if asides[-1] else (i, i + 1, " "))
        elif char in ")]":
            aside = asides.pop() if asides else True
            goes_on = text[i + 1 : i + 2] == " " and text[i + 2 : i + 3].isalnum()
            edits.append((i, i + 1, "," if aside and goes_on else " "))
    return traced.replace(edits)


def _gap(match: re.Match[str]) -> str:
    """A quotation mark between two letters was a gap between two words."""
    text, at = match.string, match.start()
    between = 0 < at < len(text) - 1 and text[at - 1].isalnum() and text[at + 1].isalnum()
    return " " if between or (0 < at < len(text) - 1 and text[at - 1] in ",.!?…" and text[at + 1].isalnum()) else ""


TIDYING = (Step("tidy", always, _tidy),)
"""After normalisation, which needs some of these marks (inches, brackets of a telephone number)."""
