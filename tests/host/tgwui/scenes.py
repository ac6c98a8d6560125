"""One host and one server for each scenario, and the lines that say what was seen."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser
from stub_server import StubServer
from web_ui import Page, WebUI

REPLIES = """*Chiharu looks up and smiles.* "Hello there, it is good to see you!" She pauses for a moment. \
"I have been waiting <b>all day</b> & thinking about version 2.5 of the app." Then she waves. "Shall we go?"
---
She laughs out loud. "Of course! This is the second reply." *The rain has stopped by now.* "Come along, quickly."
---
"And this is a third one." It is short.
"""


class Scenes:
    """One host and one server for each scenario."""

    def __init__(self, options: argparse.Namespace, browser: Browser) -> None:
        self.options = options
        self.browser = browser
        self.failures = 0
        self.name = ""

    def check(self, what: str, good: bool, figure: object = "") -> None:
        self.failures += not good
        self.say(f"{'ok  ' if good else 'FAIL'} {self.name}: {what} {figure}".rstrip())

    def say(self, line: str) -> None:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    @property
    def folder(self) -> Path:
        return Path(self.options.out).resolve() / self.name

    @contextmanager
    def host(self, *, port: int, **options: Any) -> Iterator[WebUI]:
        replies = Path(self.options.out).resolve() / "replies.txt"
        replies.write_text(REPLIES, encoding="utf-8")
        home = self.folder.with_name(f"{self.name}-home")
        shutil.rmtree(home, ignore_errors=True)
        environ = {
            "TROUPE_HOME": str(home),
            "TROUPE_SERVER__PORT": str(port),
            "FAKE_LLM_REPLY_FILE": str(replies),
            "FAKE_LLM_DELAY": str(1 / 12),
            **options.pop("environ", {}),
        }
        host = WebUI(Path(self.options.tgwui), self.folder, port=self.options.port, environ=environ, **options)
        try:
            host.start()
            yield host
        finally:
            host.stop()

    def page(self, host: WebUI, **options: Any) -> Page:
        return Page(self.browser, host.url, **options)

    def shot(self, page: Page, name: str) -> None:
        page.page.screenshot(path=str(self.folder / f"{name}.png"))

    @contextmanager
    def both(self, **options: Any) -> Iterator[tuple[WebUI, StubServer]]:
        """A host with a stub server that it attaches to."""
        stub = StubServer(options.pop("stub", "good"), seconds_per_clip=0.2).start()
        try:
            with self.host(port=int(stub.address.rpartition(":")[2]), **options) as host:
                yield host, stub
        except Exception:
            self.say(f"     the server was asked: {[entry[:2] for entry in stub.requests[-8:]]}")
            raise
        finally:
            stub.stop()
