"""Where things lie in the text of a settings file: comments, the ends of values and of lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import yaml

BLOCK = ("|", ">")
"""Styles of texts that stand below a sign, line by line."""

_COMMENT = re.compile("#[^\r\n\x85\u2028\u2029]*")


class Comment(NamedTuple):
    """A person's words to themselves."""

    start: int
    column: int
    words: str
    is_alone: bool
    """Nothing else stands on its line."""


class Draft(NamedTuple):
    """What the text might become."""

    text: str
    goes: Sequence[str] = ()
    """Comments that may be lost: they stand behind what is taken out."""


def comments(text: str) -> list[Comment]:
    """All of them; yaml.YAMLError where the text is none of its."""
    return [_comment(text, start, words.rstrip()) for start, words in _found(text)]


def behind(text: str, start: int, end: int) -> list[str]:
    """The comments behind what lies from ``start`` to ``end``, on its own lines."""
    lines = range(start, line_end(text, end))
    return [one.words for one in comments(text) if one.start in lines and not one.is_alone]


def end_of(text: str, node: Any) -> int:
    """Where its text ends; the library counts what follows a block (blank lines, comments) as part of it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return end_of(text, last[1] if isinstance(last, tuple) else last)
    end = int(node.end_mark.index)
    return len(text[:end].rstrip()) if getattr(node, "style", None) in BLOCK else end


def line_start(text: str, index: int) -> int:
    """Where the line of ``index`` begins, behind the mark that may stand before the whole text."""
    start = text.rfind("\n", 0, index) + 1
    return start + text.startswith("\ufeff", start, index)


def line_end(text: str, index: int) -> int:
    """Where the line of ``index`` ends; of what ends with its line, that line."""
    if 0 < index <= len(text) and text[index - 1] == "\n":
        return index - 1
    found = text.find("\n", index)
    return len(text) if found < 0 else found


def lines_cut(text: str, start: int, end: int) -> str:
    """Without the whole lines from ``start`` to ``end``, but for those that hold only a comment."""
    return text[:start] + comment_lines(text, start, end) + text[end:]


def comment_lines(text: str, start: int, end: int) -> str:
    """Of the whole lines from ``start`` to ``end`` those that hold only a comment."""
    alone = (one for one in comments(text) if one.is_alone and start <= one.start < end)
    return "".join(text[one.start - one.column : line_end(text, one.start + 1) + 1] for one in alone)


def on_one_line(value: object) -> str:
    """As it can stand on one line, within braces too."""
    listed = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=1_000_000, sort_keys=False)
    return listed.strip()[1:-1]


def _found(text: str) -> Iterator[tuple[int, str]]:
    # The library drops comments. They are what lies between its tokens, and behind the sign of a block's text.
    behind = 0
    for token in yaml.scan(text, yaml.SafeLoader):
        yield from _between(text, behind, token.start_mark.index)
        behind = max(behind, token.end_mark.index)
        if isinstance(token, yaml.ScalarToken) and token.style in BLOCK:
            yield from _between(text, token.start_mark.index, line_end(text, token.start_mark.index))
    yield from _between(text, behind, len(text))


def _between(text: str, start: int, end: int) -> Iterator[tuple[int, str]]:
    return ((found.start(), found[0]) for found in _COMMENT.finditer(text, start, end))


def _comment(text: str, start: int, words: str) -> Comment:
    before = text[line_start(text, start) : start]
    return Comment(start, len(before), words, not before.strip())
