"""Which of PyTorch's builds fits this machine: they differ by gigabytes, and the wrong one runs on no card."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from server.boot.hardware import nvidia_driver
from server.boot.lists import RequirementsList

_INDEX = "https://download.pytorch.org/whl"
_CUDA_BY_DRIVER = ((580, "cu130"), (570, "cu128"), (0, "cu126"))
"""First driver version (its leading number) that runs a build, newest first."""


@dataclass(frozen=True)
class TorchBuild:
    """One build, its size in megabytes with all it brings, and the index pip finds it in beside PyPI."""

    title: str
    size: float
    index: str = ""


def choose_build(system: str, machine: str, driver: int | None, amd: bool) -> TorchBuild:
    """The build for ``sys.platform``, a kind of processor, an NVIDIA driver and an AMD one."""
    if system == "darwin":
        return TorchBuild("for Apple's processors" if machine == "arm64" else "for the CPU", 90)
    if driver is not None:
        cuda = next(name for first, name in _CUDA_BY_DRIVER if driver >= first)
        return TorchBuild(f"for NVIDIA cards, {cuda}", 2700, cuda)
    if amd:
        return TorchBuild("for AMD cards, ROCm", 3500, "rocm6.4")
    # PyPI's own build is for the CPU on Windows and for NVIDIA cards on Linux.
    return TorchBuild("for the CPU", 200, "" if system == "win32" else "cpu")


def for_this_machine(lists: Sequence[RequirementsList]) -> list[RequirementsList]:
    """The lists, with the build chosen in the one that asks for it; looks for a card only then."""
    return [_chosen(item) if item.build == "torch" else item for item in lists]


def _chosen(item: RequirementsList) -> RequirementsList:
    amd = sys.platform == "linux" and Path("/dev/kfd").exists()
    build = choose_build(sys.platform, platform.machine(), nvidia_driver(), amd)
    # In addition to PyPI: of two equal versions pip takes the one with the build's name.
    options = ("--extra-index-url", f"{_INDEX}/{build.index}") if build.index else ()
    return replace(item, title=f"{item.title} {build.title}", size=build.size, pip=(*item.pip, *options))
