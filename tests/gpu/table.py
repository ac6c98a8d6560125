"""One row for each thing seen: what, how much, what was aimed at."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


class Skip(Exception):
    """This part cannot run here, for the reason given."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    part: str
    what: str
    value: str
    target: str = ""
    ok: bool | None = None
    """None where nothing was aimed at."""


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes; a card is waited for."""
    import torch

    wait = torch.cuda.synchronize if torch.cuda.is_available() else (lambda: None)
    wait()
    begin = time.perf_counter()
    action()
    wait()
    return time.perf_counter() - begin


def show(rows: Sequence[Row]) -> str:
    """The table as text."""
    head = ("part", "what", "seen", "target", "")
    marks = {True: "ok", False: "MISSED", None: ""}
    lines = [head, *((row.part, row.what, row.value, row.target, marks[row.ok]) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
