"""How an installation is told to stop: Ctrl+C, a polite kill, and the pipe of the host that owns us."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import Protocol

from server.boot.errors import Stopped


class StopCheck(Protocol):
    """Called every quarter of a second while something is waited for; raises Stopped."""

    def __call__(self) -> None: ...


def never() -> None:
    """For work that only Ctrl+C stops."""


def when_host_leaves() -> None:
    """Raise Stopped once the other end of standard input is closed.

    It looks instead of reading on a thread: on Windows a pending read of a pipe would block the server that
    inherits the same pipe as soon as it asks what kind of file it has got.
    """
    if _stdin_closed():
        raise Stopped("The program that started this installation has ended.")


def polite_kill_is_ctrl_c() -> None:
    """Make SIGTERM raise KeyboardInterrupt, so that both leave the same tidy state."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)


if sys.platform == "win32":
    import ctypes
    import msvcrt

    _ERROR_BROKEN_PIPE = 109

    def _stdin_closed() -> bool:
        waiting = ctypes.c_ulong()
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(0))
        if kernel.PeekNamedPipe(handle, None, 0, None, ctypes.byref(waiting), None):
            return False
        return ctypes.get_last_error() == _ERROR_BROKEN_PIPE

else:
    import select

    def _stdin_closed() -> bool:
        readable, _, _ = select.select([0], [], [], 0)
        return bool(readable) and os.read(0, 4096) == b""
