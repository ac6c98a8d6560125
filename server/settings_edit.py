"""A change to a settings file that leaves all else in it as a person wrote it: comments, order, spelling.

The YAML library says where in the text each value lies; only that place is written anew. A text can hold what this
does not foresee (anchors, several documents), so the result is read again and counts only when it says exactly what
was meant and has all comments, but for those behind what was taken out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from server.settings_lists import relisted
from server.settings_text import BLOCK, Draft, behind, comments, end_of, line_end, lines_cut, on_one_line

Leaves = Mapping[str, object]
"""Settings by dotted key."""

_SIGN = re.compile(r"[|>][-+\d]*")


def edited(text: str, before: Leaves, after: Leaves, read: Callable[[str], Leaves]) -> str | None:
    """``text``, which says ``before``, so changed that it says ``after``; None where that cannot be done safely."""
    if "\r\n" in text:
        changed = edited(text.replace("\r\n", "\n"), before, after, read)
        return changed and changed.replace("\n", "\r\n")
    if not _says(text, before, read):
        return None
    now = dict(before)
    for key, value in after.items():
        if key not in now or not _same(now[key], value):
            tries = _with(text, key.split("."), now.get(key), value)
            now[key] = value
            found = _first(text, tries, now, read)
            if found is None:
                return None
            text = found
    for key in [key for key in before if key not in after]:
        del now[key]
        found = _first(text, _without(text, key.split(".")), now, read)
        if found is None:
            return None
        text = found
    return text


def _first(text: str, tries: Iterable[Draft], meant: Leaves, read: Callable[[str], Leaves]) -> str | None:
    words = Counter(one.words for one in comments(text))
    for tried in tries:
        if _says(tried.text, meant, read):
            lost = words - Counter(one.words for one in comments(tried.text)) - Counter(tried.goes)
            if not lost:
                return tried.text
    return None


def _says(text: str, meant: Leaves, read: Callable[[str], Leaves]) -> bool:
    try:
        said = read(text)
    except ValueError:
        return False
    return said.keys() == meant.keys() and all(_same(said[key], meant[key]) for key in meant)


def _same(one: object, other: object) -> bool:
    return repr(one) == repr(other)  # 1 is neither True nor 1.0


def _with(text: str, path: Sequence[str], old: object, value: object) -> Iterator[Draft]:
    """Texts with the value set, to be tried in this order."""
    root = yaml.compose(text, yaml.SafeLoader)
    trail = _trail(root, path)
    node = trail[-1].value if trail else root
    rest = path[len(trail) :]
    if not rest:
        anew, by_entry = _put(text, trail[-1], value), relisted(text, trail[-1].key, node, old, value)
        # In brackets a list is written anew, unless there are comments between its entries.
        yield from (*anew, *by_entry) if isinstance(node, yaml.SequenceNode) and node.flow_style else (*by_entry, *anew)
        return
    nested = value
    for name in reversed(rest[1:]):
        nested = {name: nested}
    if isinstance(node, yaml.MappingNode) and node.flow_style:
        entry = f"{on_one_line(rest[0])}: {on_one_line(nested)}"
        at = end_of(text, node.value[-1][1]) if node.value else node.start_mark.index + 1
        yield Draft(text[:at] + (", " if node.value else "") + entry + text[at:])
    elif isinstance(node, yaml.MappingNode):
        yield _insert(text, end_of(text, node), node.start_mark.column, rest, value)
    elif trail:  # a section whose settings are all commented out
        key = trail[-1].key
        yield _insert(text, key.end_mark.index, key.start_mark.column + 2, rest, value)
        yield from _put(text, trail[-1], {rest[0]: nested})
    else:
        text = text.rstrip("\n")
        yield _insert(text, len(text), 0, rest, value)


def _without(text: str, path: Sequence[str]) -> Iterator[Draft]:
    """Texts without the setting: first without the groups that hold nothing else, no comment either."""
    trail = _trail(yaml.compose(text, yaml.SafeLoader), path)
    if len(trail) < len(path):  # it is said elsewhere (<<: *other)
        return
    goes = behind(text, trail[-1].key.start_mark.index, end_of(text, trail[-1].value))
    lonely = len(trail) - 1
    while lonely and len(trail[lonely].group.value) == 1:
        lonely -= 1
    for step in trail[lonely:]:
        group, key, value = step
        own = range(key.start_mark.index, value.end_mark.index)
        if step is not trail[-1] and any(
            one.is_alone and one.start in own and one.column > key.start_mark.column for one in comments(text)
        ):
            continue
        if not group.flow_style:
            # Whole lines: the key begins the first, and behind the value there can only be a comment on it.
            start = key.start_mark.index - key.start_mark.column
            yield Draft(lines_cut(text, start, line_end(text, end_of(text, value)) + 1), goes)
        elif len(group.value) > 1 or step is trail[0]:  # nobody would leave empty braces
            yield from _taken_from_braces(text, step, goes)


def _taken_from_braces(text: str, step: _Step, goes: Sequence[str]) -> Iterator[Draft]:
    group, key, value = step
    start, end = key.start_mark.index, end_of(text, value)
    place = next(place for place, (own, _) in enumerate(group.value) if own is key)
    if place + 1 < len(group.value):
        yield Draft(text[:start] + text[group.value[place + 1][0].start_mark.index :], goes)
    elif place:
        yield Draft(text[: end_of(text, group.value[place - 1][1])] + text[end:], goes)
    yield Draft(text[:start] + text[end:], goes)


class _Step(NamedTuple):
    group: Any
    key: Any
    value: Any


def _trail(root: Any, path: Sequence[str]) -> list[_Step]:
    """The nodes on the way, as far as the text goes."""
    trail: list[_Step] = []
    node = root
    for name in path:
        entries = node.value if isinstance(node, yaml.MappingNode) else []
        found = [(key, value) for key, value in entries if key.value == name]
        if not found:
            break
        trail.append(_Step(node, *found[-1]))  # of two the last counts
        node = found[-1][1]
    return trail


def _put(text: str, step: _Step, value: object) -> Iterator[Draft]:
    node, colon = step.value, text.find(":", step.key.end_mark.index) + 1
    start, end = node.start_mark.index, end_of(text, node)
    written = on_one_line(value)
    if start == end:  # nothing stands behind the colon
        yield Draft(f"{text[:start]} {written}{text[end:]}")
        return
    if text[:start].rstrip(" ").endswith("\n"):  # it is below its key
        below = line_end(text, colon) + 1
        less = lines_cut(text, below, line_end(text, end) + 1)
        goes = behind(text, below, end) if value == [] and isinstance(node, yaml.SequenceNode) else ()
        yield Draft(f"{less[:colon]} {written}{less[colon:]}", goes)
        start = len(text[:start].rstrip(" \n"))
        written = f" {written}"
    elif isinstance(node, yaml.ScalarNode) and node.style in BLOCK and (sign := _SIGN.match(text, start)):
        line = line_end(text, start)
        yield Draft(text[:start] + written + text[sign.end() : line] + text[max(line, end) :])
    yield Draft(text[:start] + written + text[end:])


def _insert(text: str, after: int, indent: int, names: Sequence[str], value: object) -> Draft:
    at = line_end(text, after)
    lines = "".join(f"\n{' ' * (indent + 2 * depth)}{on_one_line(name)}:" for depth, name in enumerate(names))
    if not text:
        lines = lines.removeprefix("\n")
    return Draft(f"{text[:at]}{lines} {on_one_line(value)}{text[at:] or chr(10)}")
