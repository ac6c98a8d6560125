"""Where an engine computes: what is asked for against what it can use, this machine has and torch was built for.

The server asks here before a worker is started, so nothing of this imports torch.
"""

from __future__ import annotations

import importlib.util
import platform
import re
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from server.boot.hardware import nvidia_cards
from server.errors import InvalidRequest, Unavailable

INSTALL = "python3 -m server install torch"


def device_for(wanted: str, devices: Sequence[str], title: str) -> str:
    """The device for what is called ``title`` and runs on ``devices``: ``auto`` takes the best that works.

    A device that only some engines know (``cuda`` for an engine of the CPU) is an error, not a silent change.
    """
    wanted = wanted.strip().lower()
    if wanted == "auto":
        return next((device for device in ("cuda", "mps") if device in devices and problem(device) is None), "cpu")
    kind = wanted.partition(":")[0]
    if kind not in devices:
        raise InvalidRequest(f"{title} runs on {', '.join(devices)}, not on {wanted}.", param="device")
    if (trouble := problem(wanted)) is not None:
        raise Unavailable(f"{title} cannot run on {wanted}: {trouble}", code="device_not_usable", param="device")
    return wanted


def problem(device: str) -> str | None:
    """Why ``device`` cannot be used, with the command that mends it where there is one; None if it can."""
    kind, _, number = device.partition(":")
    if kind == "cpu":
        return None
    if kind == "mps":
        apple = sys.platform == "darwin" and platform.machine() == "arm64"
        return None if apple else "it is only in Apple's own processors."
    build, cards = torch_build(), _cards()
    if build == "rocm":  # AMD's cards answer to the name cuda; how many there are only torch knows
        return None if Path("/dev/kfd").exists() else "no AMD card answers (/dev/kfd is not there)."
    if not cards:
        return "no NVIDIA card answers: nvidia-smi, which its driver brings, finds none."
    if number and int(number) >= len(cards):
        return f"there is no card {number}. There is: {', '.join(f'{i}: {card}' for i, card in enumerate(cards))}."
    if build == "cpu":
        return f"{cards[0]} is there, but this PyTorch is built for the CPU. `{INSTALL}` brings the right one."
    return None


@cache
def torch_build() -> str | None:
    """``cuda``, ``rocm`` or ``cpu``, read from the installed package's own file; None where there is none."""
    spec = importlib.util.find_spec("torch")
    if spec is None or not spec.submodule_search_locations:
        return None
    try:
        said = (Path(spec.submodule_search_locations[0]) / "version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    for name, build in (("hip", "rocm"), ("cuda", "cuda")):
        if re.search(rf"^{name}\b[^=\n]*=\s*['\"]", said, re.MULTILINE):
            return build
    return "cpu"


@cache
def _cards() -> tuple[str, ...]:
    return tuple(nvidia_cards())
