"""What the text pipeline does and leaves: one switch for each step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Markup = Literal["raw", "html", "plain"]


@dataclass(frozen=True, slots=True)
class TextOptions:
    """Switches of the text pipeline; the defaults are what a listener expects of a chat."""

    language: str = "en"
    """Lower-case BCP 47 tag; decides numbers, abbreviations and the lexicon's part."""
    markup: Markup = "raw"
    """``raw``: as the model wrote it (markdown, perhaps tags). ``html``: the same, escaped by the host.
    ``plain``: neither markdown nor tags."""
    markdown: bool = True
    """Headings, lists, tables, links, images and emphasis become what is read of them."""
    html: bool = True
    """Tags are dropped and entities (``&amp;``) are read as their characters."""
    reasoning: Literal["skip", "say"] = "skip"
    """Blocks such as ``<think>...</think>``."""
    code: Literal["skip", "say"] = "skip"
    """Fenced code: left out, or announced as "code block"."""
    inline_code: Literal["read", "skip"] = "read"
    urls: Literal["host", "skip", "read"] = "host"
    """``host`` says example.com for a whole address, ``read`` spells it all."""
    emoji: Literal["skip", "name"] = "skip"
    kaomoji: bool = True
    """Faces made of characters, such as ``:-)`` and ``(^_^)``, are left out."""
    brackets: Literal["read", "cues", "skip"] = "cues"
    """Text in brackets: ``cues`` leaves out stage directions such as ``[sighs]`` and ``(laughs)``, ``skip``
    everything in square brackets too."""
    punctuation: bool = True
    """Repeated marks, ellipses, dashes and ``~`` become what a voice can do."""
    stretched: bool = True
    """``soooo`` is shortened to ``soo``."""
    numbers: bool = True
    """Numbers, dates, times, money and units become words."""
    abbreviations: bool = True
    """``Dr.``, ``e.g.``, initials and Roman numerals become words."""
    symbols: bool = True
    """``&``, ``%``, ``@``, ``+`` and their like become words."""
    controls: bool = True
    """``[pause:1.5s]`` and ``[word](/phonemes/)``."""
