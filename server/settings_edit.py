"""A change to a settings file that leaves all else in it as a person wrote it: comments, order, spelling.

The YAML library says where in the text each value lies; only that place is written anew. A text can hold what this
does not foresee (anchors, several documents), so the result is read again and counts only when it says exactly what
was meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import yaml

Leaves = Mapping[str, object]
"""Settings by dotted key."""


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
            now[key] = value
            found = _first(_with(text, key.split("."), value), now, read)
            if found is None:
                return None
            text = found
    for key in [key for key in before if key not in after]:
        del now[key]
        found = _first(_without(text, key.split(".")), now, read)
        if found is None:
            return None
        text = found
    return text


def _first(tries: Iterable[str], meant: Leaves, read: Callable[[str], Leaves]) -> str | None:
    return next((tried for tried in tries if _says(tried, meant, read)), None)


def _says(text: str, meant: Leaves, read: Callable[[str], Leaves]) -> bool:
    try:
        said = read(text)
    except ValueError:
        return False
    return said.keys() == meant.keys() and all(_same(said[key], meant[key]) for key in meant)


def _same(one: object, other: object) -> bool:
    return repr(one) == repr(other)  # 1 is neither True nor 1.0


def _with(text: str, path: Sequence[str], value: object) -> Iterator[str]:
    """Texts with the value set, to be tried in this order."""
    root = yaml.compose(text, yaml.SafeLoader)
    trail = _trail(root, path)
    node = trail[-1].value if trail else root
    rest = path[len(trail) :]
    if not rest:
        yield _put(text, node, _flow(value))
        return
    nested = value
    for name in reversed(rest[1:]):
        nested = {name: nested}
    if isinstance(node, yaml.MappingNode) and node.flow_style:
        entry = f"{_flow(rest[0])}: {_flow(nested)}"
        at = _end(node.value[-1][1]) if node.value else node.start_mark.index + 1
        yield text[:at] + (", " if node.value else "") + entry + text[at:]
    elif isinstance(node, yaml.MappingNode):
        yield _insert(text, _end(node), node.start_mark.column, rest, value)
    elif trail:  # a section whose settings are all commented out
        key = trail[-1].key
        yield _insert(text, key.end_mark.index, key.start_mark.column + 2, rest, value)
        yield _put(text, node, _flow({rest[0]: nested}))
    else:
        text = text.rstrip("\n")
        yield _insert(text, len(text), 0, rest, value)


def _without(text: str, path: Sequence[str]) -> Iterator[str]:
    """Texts without the setting, and without the groups that held nothing else."""
    trail = _trail(yaml.compose(text, yaml.SafeLoader), path)
    while trail:
        group, key, value = trail.pop()
        entries = group.value
        is_alone = len(entries) == 1
        if is_alone and group.flow_style and trail:
            continue  # nobody would leave empty braces
        if not group.flow_style:
            # The whole line: the key begins it, and behind the value there can only be a comment on it.
            start = key.start_mark.index - key.start_mark.column
            yield text[:start] + text[_line_end(text, _end(value)) + 1 :]
        else:
            place = next(place for place, (own, _) in enumerate(entries) if own is key)
            if place + 1 < len(entries):
                yield text[: key.start_mark.index] + text[entries[place + 1][0].start_mark.index :]
            else:
                start = _end(entries[place - 1][1]) if place else key.start_mark.index
                yield text[:start] + text[_end(value) :]
        if not is_alone:
            return


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


def _put(text: str, node: Any, written: str) -> str:
    start, end = node.start_mark.index, _end(node)
    if start == end:  # nothing stands behind the colon
        return f"{text[:start]} {written}{text[end:]}"
    if text[:start].rstrip(" ").endswith("\n"):  # a list below its key
        start = len(text[:start].rstrip(" \n"))
        written = f" {written}"
    return text[:start] + written + text[end:]


def _insert(text: str, after: int, indent: int, names: Sequence[str], value: object) -> str:
    at = _line_end(text, after)
    lines = "".join(f"\n{' ' * (indent + 2 * depth)}{_flow(name)}:" for depth, name in enumerate(names))
    if not text:
        lines = lines.removeprefix("\n")
    return f"{text[:at]}{lines} {_flow(value)}{text[at:] or chr(10)}"


def _line_end(text: str, index: int) -> int:
    if 0 < index <= len(text) and text[index - 1] == "\n":
        return index - 1
    found = text.find("\n", index)
    return len(text) if found < 0 else found


def _end(node: Any) -> int:
    """Where its text ends; the library counts what follows a block (blank lines, comments) as part of it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.index)


def _flow(value: object) -> str:
    """As it can stand on one line, within braces too."""
    listed = yaml.safe_dump([value], default_flow_style=True, allow_unicode=True, width=1_000_000, sort_keys=False)
    return listed.strip()[1:-1]
