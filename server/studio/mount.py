"""The studio's place in the application: Gradio is imported and its page made once the server can speak.

Importing Gradio takes seconds, and nobody who wants to hear something is to wait for them. Until then, a small
page stands at ``/`` that looks again by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib.util
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.settings import tell_libraries
from server.troupe import Troupe

log = logging.getLogger("troupe.studio")

_WAITING = Path(__file__).parent / "page" / "waiting.html"
_ENDLESS = ("/gradio_api/heartbeat/", "/gradio_api/queue/data")
"""Answers of Gradio's that last as long as a page is open; the server's end must not wait for them."""
_UPLOAD = "20mb"
_MISSING = "The studio is not installed. Run python3 -m server install studio, then start the server again."


class Door:
    """What is mounted at ``/``: the waiting page first, Gradio's application as soon as there is one."""

    def __init__(self, troupe: Troupe) -> None:
        self._troupe = troupe
        self._inside: ASGIApp | None = None
        self._problem = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self._inside is None:
            await self._wait(scope, receive, send)
        elif scope["path"].startswith(_ENDLESS):
            await self._until_stopping(self._inside, scope, receive, send)
        else:
            await self._inside(scope, receive, send)

    @contextlib.asynccontextmanager
    async def opening(self) -> AsyncIterator[None]:
        """While the block runs, the studio opens and stays open."""
        close = asyncio.Event()
        task = asyncio.create_task(self._open(close))
        try:
            yield
        finally:
            close.set()
            if self._inside is None:
                task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _open(self, close: asyncio.Event) -> None:
        if importlib.util.find_spec("gradio") is None:
            self._problem = _MISSING
            return
        await self._settled()
        try:
            made: Any = await asyncio.to_thread(_make, self._troupe)
            # Gradio leaves half a million objects behind; walking them in every full collection takes 0.1 s.
            gc.collect()
            gc.freeze()
            async with made.router.lifespan_context(made):
                self._inside = made
                log.info("the studio is open")
                await close.wait()
        except Exception:
            log.exception("the studio could not be opened")
            self._problem = "The studio could not be opened; the log says why. The server speaks all the same."
        finally:
            self._inside = None

    async def _settled(self) -> None:
        """Until the engine is ready or has failed."""
        changed = asyncio.Event()
        self._troupe.registry.on_change(changed.set)
        while self._troupe.registry.state not in ("ready", "degraded"):
            changed.clear()
            await changed.wait()

    async def _wait(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/" or scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(404)
        text = _WAITING.read_text(encoding="utf-8").replace("{problem}", self._problem)
        headers = {"cache-control": "no-store", "x-troupe-studio": "failed" if self._problem else "opening"}
        await HTMLResponse(text, headers=headers)(scope, receive, send)

    async def _until_stopping(self, inside: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        work = asyncio.ensure_future(inside(scope, receive, sending))
        stop = asyncio.ensure_future(self._troupe.life.stopping.wait())
        try:
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                await work
            elif started:
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            for task in (work, stop):
                task.cancel()
            await asyncio.gather(work, stop, return_exceptions=True)


def _make(troupe: Troupe) -> Any:
    """Gradio's application; takes seconds, so on a thread."""
    folder = troupe.settings.now.home / "studio"
    folder.mkdir(parents=True, exist_ok=True)
    tell_libraries(
        GRADIO_ANALYTICS_ENABLED="False",
        GRADIO_TEMP_DIR=str(folder),
        HF_HUB_DISABLE_TELEMETRY="1",
    )
    import gradio as gr
    from fastapi import FastAPI

    from server.studio.page import make_page
    from server.studio.theme import head, make_theme, style

    return gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        make_page(troupe),
        path="/",
        footer_links=[],
        run_history=False,
        max_file_size=_UPLOAD,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=make_theme(),
        css=style(),
        head=head(),
    )
