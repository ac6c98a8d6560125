"""The real text-generation-webui in a scratch copy, with a made-up model, and a headless browser at it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
CHROME = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Said by the host's own page under PyPI's Gradio, whatever extension is loaded.
NOISE = (
    "Attempted to select a non-interactive",
    "was preloaded using link preload",
    "hljs is not defined",
    "ERR_NAME_NOT_RESOLVED",
    "manifest.json",
)
SPY = r"""
(() => {
  const log = window.__audioLog = [];
  const t0 = performance.now();
  window.__now = () => Math.round(performance.now() - t0);
  window.__replies = [];
  let busy = false;
  setInterval(() => {
    const now = !!document.querySelector('._generating #chat');
    if (busy && !now) window.__replies.push(window.__now());
    busy = now;
  }, 20);
  const note = (ev, el) => log.push({t: window.__now(), ev, src: el.currentSrc || el.src || ''});
  const seen = new WeakSet();
  const play = HTMLMediaElement.prototype.play;
  HTMLMediaElement.prototype.play = function () {
    if (!seen.has(this)) {
      seen.add(this);
      for (const k of ['playing', 'pause', 'ended', 'error']) this.addEventListener(k, () => note(k, this));
    }
    if (window.__refusePlay) return Promise.reject(new DOMException('no gesture', 'NotAllowedError'));
    const p = play.apply(this, arguments);
    p.catch(e => note('rejected', this));
    return p;
  };
})();
"""


class WebUI:
    """One host: start, look, stop. ``extensions`` are (folder, name) pairs in their order."""

    def __init__(
        self,
        checkout: Path,
        folder: Path,
        *,
        port: int,
        extensions: Iterable[tuple[Path, str]] = ((REPOSITORY, "troupe"),),
        user_data: bool = False,
        flags: Iterable[str] = (),
        mode: str = "chat",
        server: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.run = folder / "host"
        self.log = folder / "host.log"
        self.port = port
        self.url = f"http://127.0.0.1:{port}/"
        self._flags = list(flags)
        self._environ = dict(environ or {})
        shutil.rmtree(folder, ignore_errors=True)
        ignored = shutil.ignore_patterns(".git", "nltk_data", "__pycache__")
        shutil.copytree(checkout, self.run, ignore=ignored, symlinks=True)
        self._names = []
        for source, name in [*extensions, (HERE / "fake_llm", "fake_llm")]:
            inside = "user_data/extensions" if user_data and source == REPOSITORY else "extensions"
            _install(source, self.run / inside / name, server)
            self._names.append(name)
        (self.run / "user_data" / "settings.yaml").write_text(_settings(checkout, mode))

    def start(self) -> float:
        """Seconds until the page answers."""
        python = os.environ.get("TGWUI_PYTHON", sys.executable)
        command = [python, str(HERE / "launch.py"), str(self.run), "--extensions", *self._names]
        command += ["--listen-port", str(self.port), *self._flags]
        began = time.monotonic()
        with self.log.open("w") as output:
            self._process = subprocess.Popen(
                command,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.run,
                env={**os.environ, **self._environ},
                start_new_session=True,
            )
        while time.monotonic() - began < 120:
            if self._process.poll() is not None:
                raise SystemExit(f"the host ended:\n{self.log.read_text()[-4000:]}")
            # Gradio asks its own server a few things at the start, with a short limit: keep out of its way.
            if "To create a public link" in self.log.read_text(errors="replace"):
                with urllib.request.urlopen(self.url, timeout=20) as answer:
                    if answer.status == 200:
                        return time.monotonic() - began
            time.sleep(0.3)
        raise SystemExit(f"the host did not answer:\n{self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """As a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill()


class Page:
    """A browser of its own at the host."""

    def __init__(self, browser: Any, url: str, *, viewport: tuple[int, int] = (1280, 900), login: str = "") -> None:
        self.errors: list[str] = []
        self._replies = 0
        context = browser.new_context(viewport={"width": viewport[0], "height": viewport[1]})
        self.page = context.new_page()
        if login:
            name, _, password = login.partition(":")
            context.request.post(f"{url}login", form={"username": name, "password": password})
        self.page.add_init_script(SPY)
        self.page.on("console", lambda message: self._note(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self._note(f"pageerror: {error}"))
        self.page.goto(url, wait_until="domcontentloaded")
        self.settle()

    def settle(self) -> None:
        self.page.wait_for_selector("#chat-input textarea", timeout=60000)
        self.page.wait_for_selector("#chat", state="attached", timeout=60000)
        time.sleep(2.0)  # the page's load events

    def send(self, text: str) -> int:
        """The page's clock at the press."""
        self.page.fill("#chat-input textarea", text)
        at, self._replies = self.now(), len(self._ends())
        self.page.click("#Generate")
        return at

    def press(self, element: str) -> int:
        at, self._replies = self.now(), len(self._ends())
        self.page.evaluate("id => document.getElementById(id).click()", element)
        return at

    def now(self) -> int:
        return int(self.page.evaluate("() => window.__now()"))

    def generating(self) -> bool:
        return bool(self.page.evaluate("() => !!document.querySelector('._generating #chat')"))

    def wait_reply(self, timeout: float = 60) -> int:
        """Until the reply to the last press has ended; the page's clock then."""
        self.wait_for(lambda: len(self._ends()) > self._replies, timeout)
        self._replies = len(self._ends())
        return self._ends()[-1]

    def _ends(self) -> list[int]:
        return list(self.page.evaluate("() => window.__replies"))

    def wait_for(self, condition: Any, timeout: float = 20) -> None:
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise AssertionError("it did not come about in time")
            time.sleep(0.03)

    def heard(self, since: int = 0) -> list[int]:
        """When clips began to sound."""
        log = self.page.evaluate("() => window.__audioLog")
        return [entry["t"] for entry in log if entry["ev"] == "playing" and entry["t"] >= since]

    def silent(self) -> bool:
        return bool(self.page.evaluate("() => !window.troupe.sound.now.track || window.troupe.sound.paused()"))

    def wait_silent(self, timeout: float = 60) -> None:
        self.wait_for(lambda: self.page.evaluate("() => !window.troupe.sound.now.track"), timeout)

    def players(self) -> int:
        return self.page.locator("#chat troupe-player").count()

    def toasts(self) -> list[str]:
        return [str(text) for text in self.page.locator(".troupe-toast").all_inner_texts()]

    def last_message(self) -> str:
        return str(self.page.locator("#chat .message-body").last.inner_text())

    def highlighted(self) -> str:
        return str(
            self.page.evaluate(
                "() => [...(CSS.highlights.get('troupe-speaking') || [])].map(range => range.toString()).join('')"
            )
        )

    def _note(self, text: str) -> None:
        if not any(noise in text for noise in NOISE):
            self.errors.append(text[:300])


def free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _install(source: Path, target: Path, server: bool) -> None:
    if source != REPOSITORY:
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        return
    # Without the server's folder nothing can be started: what a stub does not answer stays unanswered.
    for name in ("script.py", "extension", *(("server", "settings.yaml") if server else ())):
        part = source / name
        if part.is_dir():
            shutil.copytree(part, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(part, target / name)


def _settings(checkout: Path, mode: str) -> str:
    """What the host's autosave leaves after the person has picked the character Example."""
    import yaml

    character = yaml.safe_load((checkout / "user_data/characters/Example.yaml").read_text(encoding="utf-8"))
    chosen = {"mode": mode, "character": "Example", "name2": character["name"]}
    return str(yaml.safe_dump({**chosen, "greeting": character["greeting"], "context": character["context"]}))
