"""A list in the text of a settings file, changed entry by entry, so that each keeps the comment behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Literal, NamedTuple

import yaml

from server.settings_text import Draft, behind, comment_lines, end_of, line_end, line_start, on_one_line


def relisted(text: str, key: Any, node: Any, old: object, new: object) -> Iterator[Draft]:
    """The text with ``node``, which says ``old``, made to say ``new``; nothing unless both are lists with entries."""
    if not (isinstance(node, yaml.SequenceNode) and isinstance(old, list) and isinstance(new, list) and old and new):
        return
    was, now = [repr(one) for one in old], [repr(one) for one in new]
    steps = [*_steps(was, now)]
    spans = [(entry.start_mark.index, end_of(text, entry)) for entry in node.value]
    removed = {was[step.old]: spans[step.old] for step in steps if step.kind == "remove"}
    edits: list[tuple[int, int, str]] = []
    for step in steps:
        written = "" if step.kind == "remove" else on_one_line(new[step.new])
        if step.kind == "change":
            start, end = spans[step.old]
            edits.append((start, end, " " * (start == end) + written))
        elif node.flow_style:
            edits.append(_in_brackets(spans, step, written))
        else:
            if step.kind == "add" and now[step.new] in removed:  # it has moved, and its comment with it
                end = removed[now[step.new]][1]
                written += text[end : line_end(text, end)]
            edits.append(_on_lines(text, key, node, spans, step, written))
    gone = [spans[step.old] for step in steps if step.kind == "remove" and was[step.old] not in now]
    goes = [words for start, end in gone for words in behind(text, start, end)]
    for start, end, written in reversed(edits):  # what lies before a change stays where it was
        text = text[:start] + written + text[end:]
    yield Draft(text, goes)


_Spans = Sequence[tuple[int, int]]
"""Where the entries lie."""


class _Step(NamedTuple):
    kind: Literal["change", "add", "remove"]
    old: int
    """Place in the old list; what is added comes before it."""
    new: int


def _steps(was: Sequence[str], now: Sequence[str]) -> Iterator[_Step]:
    for kind, first, last, new_first, new_last in SequenceMatcher(None, was, now, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        both = min(last - first, new_last - new_first)
        if {*was[first:last]} & {*now} or {*now[new_first:new_last]} & {*was}:
            both = 0  # what has moved is not what stands in its place now
        yield from (_Step("change", first + n, new_first + n) for n in range(both))
        yield from (_Step("add", first + both, place) for place in range(new_first + both, new_last))
        yield from (_Step("remove", place, 0) for place in range(first + both, last))


def _on_lines(text: str, key: Any, node: Any, spans: _Spans, step: _Step, written: str) -> tuple[int, int, str]:
    if step.kind == "add":
        # The first goes behind the key's line, so that comments above the one that was first stay above it.
        at = line_end(text, spans[step.old - 1][1] if step.old else key.end_mark.index)
        return at, at, f"\n{' ' * node.start_mark.column}- {written}"
    start, end = spans[step.old]
    start, end = line_start(text, text.rfind("-", 0, start)), line_end(text, end) + 1
    return start, end, comment_lines(text, start, end)


def _in_brackets(spans: _Spans, step: _Step, written: str) -> tuple[int, int, str]:
    if step.kind == "add":
        at = spans[step.old - 1][1] if step.old else spans[0][0]
        return at, at, f", {written}" if step.old else f"{written}, "
    start, end = spans[step.old]
    return start, spans[step.old + 1][0] if step.old + 1 < len(spans) else end, ""
