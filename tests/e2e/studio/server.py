"""A server with its studio for the tests, in which an engine can be "installed": takes a home as its argument."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from server.app import create_app
from server.boot.stop import StopCheck
from server.graceful import Server
from server.logs import set_up
from server.settings import load_settings

ENGINES = {
    "tone": "server.engines.tone:Tone",
    "tiny": "tests.e2e.studio.tiny_engine:Tiny",
    "coqui-vits": "server.engines.coqui.vits:CoquiVits",
}


def main(home: Path) -> None:
    """Serve on a free port, which is written to standard output, until the process is ended."""
    os.environ["https_proxy"] = "http://127.0.0.1:9"  # nobody there: what would be fetched is not
    packages = home / "packages"
    packages.mkdir()
    sys.path.insert(0, str(packages))

    def install(name: str, tell: Callable[[str, float | None], None], stop: StopCheck) -> None:
        for step in range(5):
            stop()
            tell(f"Downloading {name}, part {step}", step / 5)
            time.sleep(0.3)
        (packages / "troupe_tiny_package.py").write_text("", encoding="utf-8")

    settings = load_settings(None, {"TROUPE_ENGINE__NAME": "tone"}, home)
    memory = set_up(home / "logs", "info")
    app = create_app(settings, instance="test", log=memory, engines=ENGINES, install=install, studio=True)
    bound = socket.create_server(("127.0.0.1", 0))
    sys.stdout.write(f"http://127.0.0.1:{bound.getsockname()[1]}\n")
    sys.stdout.flush()
    asyncio.run(Server(app, drain_seconds=1).serve([bound]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
