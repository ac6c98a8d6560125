"""Where an engine computes: what is asked for against what it can use and this machine has."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Sequence

from server.errors import InvalidRequest


def device_for(wanted: str, devices: Sequence[str], title: str) -> str:
    """The device for what is called ``title`` and runs on ``devices``: ``auto`` takes the best this machine has.

    A device that only some engines know (``cuda`` for an engine of the CPU) is an error, not a silent change.
    """
    wanted = wanted.strip().lower()
    if wanted == "auto":
        return next((device for device in ("cuda", "mps") if device in devices and _has(device)), "cpu")
    kind = wanted.partition(":")[0]
    if kind not in devices:
        raise InvalidRequest(
            f"{title} runs on {', '.join(devices)}, not on {wanted}.", param="device"
        )
    return wanted


def _has(device: str) -> bool:
    if device == "mps":
        return sys.platform == "darwin" and platform.machine() == "arm64"
    return shutil.which("nvidia-smi") is not None
