"""How sound gets to the browser: through the host's own web server, so that it works wherever the page does.

A route of ours is put into the app that Gradio makes; it wants the host's login like everything else there. That
is no fixed interface of Gradio's. Where it fails, clips are saved into a folder that the host serves.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable
from typing import Any

from ..client import Client, ServerError
from . import host

_log = logging.getLogger(__name__)
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_PASSED_ON = ("content-type", "content-length", "content-range", "accept-ranges", "etag", "last-modified")
_MOST_FILES = 400
_ENDINGS = {"audio/wav": "wav", "audio/mpeg": "mp3", "audio/ogg": "ogg"}


class Audio:
    """Knows whether the route is there, and gives each clip an address."""

    def __init__(self, client: Callable[[], Client]) -> None:
        self._client = client
        self.by_route = False

    def install(self) -> None:
        """Have every app that Gradio makes from now on carry our route; the host makes one at each restart."""
        try:
            from gradio.routes import App

            original = App.create_app
        except (ImportError, AttributeError):
            _log.warning("This Gradio has no create_app; sound travels as files")
            return
        if getattr(original, "troupe", None) is not None:
            return

        def create_app(*args: Any, **options: Any) -> Any:
            app = original(*args, **options)
            try:
                self._add_to(app)
                self.by_route = True
            except Exception:  # noqa: BLE001 - the host's page must come up whatever Gradio looks like inside
                self.by_route = False
                _log.exception("Troupe could not add its route; sound travels as files")
            return app

        create_app.troupe = self  # type: ignore[attr-defined]
        App.create_app = staticmethod(create_app)

    def address(self, clip: dict[str, Any]) -> str:
        """Relative, so that it holds behind a subpath, a tunnel and https."""
        return str(clip.get("file") or f"troupe/clips/{clip['narration']}/{clip['index']}")

    def store(self, clip: dict[str, Any]) -> None:
        """Without the route: save the clip where the host serves files."""
        if self.by_route:
            return
        try:
            stream = self._client().clip(clip["narration"], clip["index"])
            ending = _ENDINGS.get(stream.headers.get("content-type", "").partition(";")[0], "mp3")
            folder = host.cache_folder()
            file = folder / f"{clip['narration']}-{clip['index']}.{ending}"
            file.write_bytes(b"".join(stream.chunks()))
            clip["file"] = f"file/{file.as_posix()}"
            with contextlib.suppress(OSError):  # two replies may clear away at the same time
                for old in sorted(folder.iterdir(), key=lambda entry: entry.stat().st_mtime)[:-_MOST_FILES]:
                    old.unlink(missing_ok=True)
        except (ServerError, OSError):
            _log.exception("A clip could not be saved")

    def _add_to(self, app: Any) -> None:
        from starlette.concurrency import run_in_threadpool
        from starlette.requests import Request
        from starlette.responses import PlainTextResponse, Response, StreamingResponse
        from starlette.routing import Route

        async def clip(request: Request) -> Response:
            if not _logged_in(app, request):
                return PlainTextResponse("Not authenticated", status_code=401)
            narration, index = request.path_params["narration"], request.path_params["index"]
            if not _ID.fullmatch(narration):
                return PlainTextResponse("No such clip", status_code=404)
            wanted = {"Range": request.headers["range"]} if "range" in request.headers else {}
            try:
                stream = await run_in_threadpool(self._client().clip, narration, index, wanted)
            except ServerError as error:
                return PlainTextResponse(error.message, status_code=404 if error.status == 404 else 502)
            headers = {name: stream.headers[name] for name in _PASSED_ON if name in stream.headers}
            headers["Cache-Control"] = "private, max-age=86400"
            return StreamingResponse(stream.chunks(), status_code=stream.status, headers=headers)

        # In front: Gradio's own routes end with one that takes every path.
        app.router.routes.insert(0, Route("/troupe/clips/{narration}/{index:int}", clip, methods=["GET"]))


def _logged_in(app: Any, request: Any) -> bool:
    """The same check as Gradio's own files have."""
    if getattr(app, "auth_dependency", None) is not None:
        return app.auth_dependency(request) is not None
    if app.auth is None:
        return True
    names = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
    token = next((request.cookies[name] for name in names if request.cookies.get(name)), None)
    return app.tokens.get(token) is not None
