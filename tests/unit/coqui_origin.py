"""Where the Coqui library's models are fetched from, on this machine; and archives to be fetched."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import urllib.request
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from server.engines.weights import Response

WEIGHTS = bytes(range(256)) * 9_000
COMMIT = "0123456789abcdef"


def archive(files: dict[str, bytes] | None = None, inner: str = "tts_models--x/") -> bytes:
    """One with a model in it, unless ``files`` are given."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as opened:
        for name, content in (files or {"config.json": b"{}", "model_file.pth": WEIGHTS}).items():
            opened.writestr(inner + name, content)
    return made.getvalue()


class Origin:
    """A server on this machine in the place of the official ones: ranges, breaks, and answers that can be changed."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.break_after: int | None = None
        """Bytes after which the next answer is cut off."""
        origin = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked = self.headers.get("Range")
                origin.asked.append((self.path, asked))
                body = origin.answers.get(self.path)
                if body is None:
                    return self.send_error(404)
                begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
                if asked and begin >= len(body):
                    return self.send_error(416)
                self.send_response(206 if asked else 200)
                self.send_header("Content-Length", str(len(body) - begin))
                self.end_headers()
                cut, origin.break_after = origin.break_after, None
                self.wfile.write(body[begin : None if cut is None else begin + cut])

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def open(self, request: urllib.request.Request) -> Response:
        """As the pinned opener does, to the same path of this server."""
        path = "/" + request.full_url.split("/", 3)[3]
        here = urllib.request.Request(
            f"http://127.0.0.1:{self.server.server_port}{path}", headers=dict(request.header_items())
        )
        answer: Response = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(here, timeout=10)
        return answer

    def offer(self, name: str, body: bytes) -> None:
        """An archive, where the list says that it is."""
        self.answers[f"/coqui-ai/TTS/releases/download/v0/{name}"] = body


def hub(origin: Origin, files: dict[str, bytes], *, lie: str = "") -> None:
    """Offer ``files`` as the hub does; the content of ``lie`` is not what its listing says."""
    siblings = []
    for name, content in files.items():
        item: dict[str, Any] = {"rfilename": name, "size": len(content)}
        if name.endswith(".pth"):
            item["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        item["blobId"] = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        siblings.append(item)
        origin.answers[f"/someone/gst/resolve/{COMMIT}/{name}"] = content[::-1] if name == lie else content
    listing = json.dumps({"sha": COMMIT, "siblings": siblings}).encode()
    for revision in ("main", COMMIT):
        origin.answers[f"/api/models/someone/gst/revision/{revision}?blobs=true"] = listing
