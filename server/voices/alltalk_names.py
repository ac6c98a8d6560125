"""What AllTalk's clients call voices, and have kept in their settings, as it is called here."""

from __future__ import annotations

import re

_SET = re.compile(r"^voiceset:", re.IGNORECASE)
_PIPER = re.compile(r"\.onnx$", re.IGNORECASE)
_RVC = re.compile(r"^(?:.*[\\/])?([^\\/]+)\.pth$", re.IGNORECASE)


def plain_voice(called: str) -> str:
    """``voiceset:x`` and ``x.onnx`` are x. A ``.wav`` stays: every route forgives it."""
    return _PIPER.sub("", _SET.sub("", called.strip()))


def plain_rvc(called: str) -> str:
    r"""``Witch/Witch.pth`` is Witch, as is ``Witch\Witch.pth`` from Windows."""
    return _RVC.sub(r"\1", called.strip())
