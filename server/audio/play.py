"""Plays a file on this machine's own speakers, by what the system brings along."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

_PLAYERS = (("afplay",), ("pw-play",), ("paplay",), ("aplay", "-q"))
"""macOS, PipeWire, PulseAudio, ALSA: each takes a WAV file as its last argument."""


def find_player() -> tuple[str, ...] | None:
    """The command that plays a WAV file; None on a machine without sound."""
    if sys.platform == "win32":
        shell = shutil.which("powershell")
        return (
            (shell, "-NoProfile", "-Command", "(New-Object Media.SoundPlayer $args[0]).PlaySync()")
            if shell
            else None
        )
    if sys.platform == "linux" and not Path("/dev/snd").exists():
        return None
    for name, *rest in _PLAYERS:
        found = shutil.which(name)
        if found:
            return (found, *rest)
    return None


def play(path: Path) -> bool:
    """Start playing ``path`` and return at once; False where nothing can play it."""
    player = find_player()
    if player is None:
        return False
    try:
        subprocess.Popen(
            [*player, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError:
        return False
    return True
