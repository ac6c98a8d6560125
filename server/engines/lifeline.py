"""What ties a process to the one that started it: its standard input, which ends when that one does."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def claim_input() -> int:
    """What was standard input, for us alone: libraries, and processes that they start, find an empty one.

    On Windows whoever as much as looks at a pipe that a thread is reading waits until something comes; loading a
    library that is written in Fortran, as SciPy and faiss bring one, does look.
    """
    claimed = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(claimed, os.O_BINARY)
    return claimed


def end_with_parent() -> None:
    """For a process whose input brings nothing: it ends at once when that does."""
    source = claim_input()

    def wait() -> None:
        # Not through a stream: its lock, held here, would be in the way of Python's ending.
        while os.read(source, 1024):
            pass
        os._exit(0)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


@contextmanager
def lifeline() -> Iterator[int]:
    """The standard input of a process that is to ``end_with_parent``; only we hold its other end."""
    source, ours = os.pipe()
    try:
        yield source
    finally:
        os.close(source)
        os.close(ours)
