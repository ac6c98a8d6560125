"""Which of PyTorch's builds fits this machine: they differ by gigabytes, and the wrong one runs on no card.

From PyTorch's release notes: CUDA 13 needs a driver of 580 and a card of capability 7.5 (Turing); the builds for CUDA
12.6 know cards from 5.0 to 9.0 and are the last for older ones; those for 12.8, which know Blackwell (10.0 and up)
under older drivers, end with torch 2.11.
"""

from __future__ import annotations

import http.client
import platform
import re
import ssl
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from server.boot.arguments import COMMAND
from server.boot.hardware import NvidiaSupport, nvidia_support
from server.boot.lists import RequirementsList
from server.boot.pip import PipFailed

TORCH = "torch"
"""The list that asks for a build, and its word for it."""
ANEW = ("--force-reinstall",)
"""For pip, which would keep a build that does not fit: its version is right."""
_INDEX = "https://download.pytorch.org/whl"
_PYPI = ("for the CPU", 200.0) if sys.platform == "win32" else ("for NVIDIA cards, CUDA 13", 2700.0)
"""The build that PyPI has, and its size in megabytes."""
_SECONDS = 15.0
"""How long its index may take to answer."""
_OLDEST_DRIVER = 525
"""The first that runs CUDA 12."""


@dataclass(frozen=True)
class TorchBuild:
    """One build, its size in megabytes with all it brings, and where pip finds it beside PyPI."""

    title: str
    size: float
    index: str = ""
    newest: str = ""
    """What pip is told of versions, where the index ends before PyPI does: pip would take PyPI's newer one."""

    def options(self) -> tuple[str, ...]:
        """For pip. Of two equal versions it takes the one with the build's name."""
        index = ("--extra-index-url", f"{_INDEX}/{self.index}") if self.index else ()
        return (*index, *((self.newest,) if self.newest else ()))


def choose_build(
    system: str, machine: str, driver: int | None = None, capability: float | None = None, *, amd: bool = False
) -> TorchBuild:
    """The build for ``sys.platform``, a kind of processor, an NVIDIA driver and its oldest card, and an AMD card."""
    if system == "darwin":
        if machine == "arm64":
            return TorchBuild("for Apple's processors", 90)
        return TorchBuild("(no longer made for Intel Macs)", 90)
    if driver is not None and driver >= _OLDEST_DRIVER:
        return _for_nvidia(driver, capability)
    if driver is None and amd:
        return TorchBuild("for AMD cards, ROCm 7.2", 3500, "rocm7.2", "torch>=2.11,<2.15")
    # PyPI's own build is for the CPU on Windows and for NVIDIA cards on Linux.
    index = "" if system == "win32" else "cpu"
    why = "for the CPU" if driver is None else f"for the CPU, as the NVIDIA driver {driver} is too old: update it"
    return TorchBuild(why, 200, index)


def _for_nvidia(driver: int, capability: float | None) -> TorchBuild:
    modern = capability is None or capability >= 7.5
    if driver >= 580 and modern:
        return TorchBuild("for NVIDIA cards, CUDA 13.0", 2700, "cu130")
    if capability is not None and capability >= 10:
        return TorchBuild("for NVIDIA cards, CUDA 12.8", 2700, "cu128", "torch<2.12")
    return TorchBuild("for NVIDIA cards, CUDA 12.6", 2700, "cu126", "torch<2.15")


def fits_this_machine(packages: Path) -> bool:
    """Whether the PyTorch in a folder of packages makes use of this machine, if not as the newest build would."""
    try:
        said = (packages / "torch" / "version.py").read_text(encoding="utf-8")
    except OSError:
        return False
    version = re.search(r"^__version__\s*=\s*['\"][^'\"+]*\+?([^'\"]*)", said, re.MULTILINE)
    nvidia = nvidia_support()
    wanted, there = _build(nvidia).index, version[1] if version else ""
    if there.startswith("cu") and wanted.startswith("cu"):
        return _runs(there, nvidia.driver, nvidia.capability)
    plain = ("", "cpu")
    return there == wanted or (there in plain and wanted in plain)


def _runs(build: str, driver: int | None, capability: float | None) -> bool:
    """Whether a build for CUDA (``cu128``) runs under a driver, on a card of a compute capability."""
    version = int(re.sub(r"\D", "", build) or 0)
    oldest, newest = (7.5, 99.0) if version >= 128 else (5.0, 9.9)
    return (driver or 0) >= (580 if version >= 130 else _OLDEST_DRIVER) and oldest <= (capability or 8.0) <= newest


def for_this_machine(lists: Sequence[RequirementsList]) -> list[RequirementsList]:
    """The lists, with the build chosen in the one that asks for it; looks for a card only then."""
    return [_chosen(item) if item.build == TORCH else item for item in lists]


def _chosen(item: RequirementsList) -> RequirementsList:
    build = _build(nvidia_support())
    return replace(item, title=f"{item.title} {build.title}", size=build.size, pip=(*item.pip, *build.options()))


def from_pypi(item: RequirementsList) -> RequirementsList:
    """The list with the build that PyPI itself has, where the chosen one comes from elsewhere."""
    if item.build != TORCH or not _index(item.pip):
        return item
    at = item.pip.index("--extra-index-url")
    title, size = _PYPI
    return replace(item, title=f"PyTorch {title}", size=size, pip=(*item.pip[:at], *item.pip[at + 2 :]))


def refuse_silent_exchange(item: RequirementsList) -> None:
    """Raise PipFailed where the index of the chosen build does not answer: pip would take PyPI's without a word."""
    index = _index(item.pip)
    if not index or _answers(index):
        return
    title, size = _PYPI
    raise PipFailed(
        f"{urlsplit(index).hostname}, from where {item.title} ({item.size:.0f} MB) comes, does not answer. Try again "
        f"later, or take what PyPI has, {title}, {size:.0f} MB: {COMMAND} install {TORCH} --pypi-torch"
    )


def _index(options: Sequence[str]) -> str:
    return next((option for option in options if option.startswith(_INDEX)), "")


def _answers(index: str) -> bool:
    context = ssl.create_default_context()
    # Nothing it says is used; whom to trust is pip's business, and pip knows more certificates.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        urllib.request.urlopen(f"{index}/{TORCH}/", timeout=_SECONDS, context=context).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, http.client.HTTPException):  # the second: something that speaks no HTTP
        return False
    return True


def _build(nvidia: NvidiaSupport) -> TorchBuild:
    amd = sys.platform == "linux" and Path("/dev/kfd").exists()
    return choose_build(sys.platform, platform.machine(), nvidia.driver, nvidia.capability, amd=amd)
