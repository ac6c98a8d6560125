"""What the machine lends to tests beyond Python: Node with its packages, and a browser."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

_PACKAGES = Path(__file__).with_name("package.json")


def node_folder(home: Path) -> Path:
    """Where the packages lie; another folder when the list changes."""
    digest = hashlib.sha256(_PACKAGES.read_bytes().replace(b"\r\n", b"\n")).hexdigest()[:8]
    return home / "tests" / f"node-{digest}"


def install_node_packages(home: Path) -> str:
    """Install them once; returns why it could not be done, or nothing."""
    folder = node_folder(home)
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        return "Node.js is not installed: browser and JavaScript tests are skipped."
    if (folder / "complete").is_file():
        return ""
    for old in folder.parent.glob("node-*"):
        shutil.rmtree(old)
    folder.mkdir(parents=True)
    shutil.copy(_PACKAGES, folder)
    command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error"]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        return "npm could not install packages: browser and JavaScript tests are skipped."
    (folder / "complete").touch()
    return ""


def browser() -> Path | None:
    """A Chromium or Chrome that playwright can drive."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"):
        if found := shutil.which(name):
            return Path(found)
    for place in (
        Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"),
        Path(r"C:\Program Files\Google\Chrome\Application\chrome.exe"),
    ):
        if place.is_file():
            return place
    return None


def node() -> str | None:
    """The Node.js program."""
    return shutil.which("node")
