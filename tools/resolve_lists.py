"""Asks pip whether every list can be installed, without a compiler, on every Python and system we name.

Run by hand before a release, with any Python that has a recent pip; downloads metadata, installs nothing::

    python3 tools/resolve_lists.py [LIST ...]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from server.boot.lists import DEFAULT, RequirementsList, load_lists, names

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
GLIBC = (
    "manylinux_2_28_{}",
    "manylinux_2_27_{}",
    "manylinux_2_24_{}",
    "manylinux_2_17_{}",
    "manylinux2014_{}",
)
MACOS = tuple(f"macosx_{major}_0_{kind}" for major in (14, 13, 12, 11) for kind in ("arm64", "universal2"))
SYSTEMS = {
    "Linux x86-64": (tuple(tag.format("x86_64") for tag in GLIBC), "linux", "Linux", "x86_64"),
    "Linux ARM": (tuple(tag.format("aarch64") for tag in GLIBC), "linux", "Linux", "aarch64"),
    "Windows": (("win_amd64",), "win32", "Windows", "AMD64"),
    "macOS ARM": (MACOS, "darwin", "Darwin", "arm64"),
}
"""Wheel tags of the oldest systems we name, then sys_platform, platform_system and platform_machine."""
PIP = """
import json, sys
from pip._vendor.packaging import markers
here, there = markers.default_environment, json.loads(sys.argv.pop(1))
markers.default_environment = lambda: {**here(), **there}
from pip._internal.cli.main import main
sys.exit(main())
"""
"""pip with another machine's markers: its own --platform and --python-version leave them as they are here."""


def main(wanted: Sequence[str]) -> int:
    """Print one line for each combination; the number of those that fail is the exit status."""
    failures = 0
    for name in wanted or names():
        lists = load_lists([name]) if name in DEFAULT else load_lists(["base", name])
        groups = {item.pip: [other for other in lists if other.pip == item.pip] for item in lists}
        for system in SYSTEMS:
            for python in PYTHONS:
                reasons = [resolve(group, python, system) for group in groups.values()]
                bad = [reason for reason in reasons if reason]
                failures += bool(bad)
                print(f"{name:<16} {system:<13} {python:<5} {bad[0] if bad else 'ok'}", flush=True)
    return failures


def resolve(lists: Sequence[RequirementsList], python: str, system: str) -> str:
    """Empty when pip finds a wheel for everything, else its last word."""
    tags, sys_platform, platform_system, machine = SYSTEMS[system]
    markers = {
        "python_version": python,
        "python_full_version": f"{python}.9",
        "implementation_name": "cpython",
        "sys_platform": sys_platform,
        "os_name": "nt" if sys_platform == "win32" else "posix",
        "platform_system": platform_system,
        "platform_machine": machine,
    }
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", PIP, json.dumps(markers), "install", "--dry-run", "--quiet"]
        command += ["--only-binary=:all:", "--python-version", python, "--target", folder, *lists[0].pip]
        for tag in tags:
            command += ["--platform", tag]
        for item in lists:
            command += ["-r", str(item.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return "" if done.returncode == 0 else (errors or [done.stderr.strip() or "no reason given"])[-1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
