"""The files that AllTalk's form leaves: their names, fetching them from a page, and how long they stay."""

from __future__ import annotations

import os
import time
from pathlib import Path

import httpx
import pytest

from tests.api.alltalk import PAGE, failure, generate
from tests.running import Running, running

pytestmark = pytest.mark.api


def test_names_are_never_the_same(http: httpx.Client) -> None:
    urls = {generate(http, output_file_timestamp=stamp).json()["output_file_url"] for stamp in ("true", "True") * 2}
    assert len(urls) == 4


def test_a_preflight_lets_cache_control_and_authorization_pass(http: httpx.Client) -> None:
    asked = {
        **PAGE,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,cache-control",
    }
    answer = http.request("OPTIONS", "/api/tts-generate", headers=asked)
    assert answer.status_code in (200, 204)
    assert answer.headers["access-control-allow-origin"] == PAGE["Origin"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert "cache-control" in allowed
    assert "authorization" in allowed
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert int(answer.headers["access-control-max-age"]) >= 600


@pytest.mark.parametrize("folder", ["output_file_url", "output_cache_url"])
def test_files_are_seekable(http: httpx.Client, folder: str) -> None:
    url = generate(http).json()[folder]
    whole = http.get(url)
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert ("max-age=604800" in whole.headers.get("cache-control", "")) == (folder == "output_cache_url")
    part = http.get(url, headers={"Range": "bytes=44-1043"})
    assert part.status_code == 206
    assert part.content == whole.content[44:1044]
    assert part.headers["content-range"] == f"bytes 44-1043/{len(whole.content)}"
    assert http.get(url, headers={"Range": f"bytes={len(whole.content)}-"}).status_code == 416
    head = http.head(url)
    assert (head.status_code, int(head.headers["content-length"])) == (200, len(whole.content))


@pytest.mark.parametrize(
    "path",
    [
        "/audio/nothing.wav",
        "/audiocache/nothing.wav",
        "/audio/..%2Fvoicemap.yaml",
        "/audio/%2e%2e%2fvoicemap.yaml",
        "/audio/..%5Cvoicemap.yaml",
        "/audio/",
    ],
)
def test_no_other_file_is_served(served: Running, http: httpx.Client, path: str) -> None:
    (served.home / "voicemap.yaml").touch()
    failure(http.get(path), 404, "error")


def test_old_files_are_pruned(tmp_path: Path) -> None:
    with running(tmp_path, audio__keep_hours="1") as server, server.http() as http:
        urls = [generate(http).json()["output_file_url"] for _ in range(2)]
        old = server.home / "audio" / urls[0].rpartition("/")[2]
        then = time.time() - 3601
        os.utime(old, (then, then))
        assert server.troupe.audio.prune() == 1
        assert [http.get(url).status_code for url in urls] == [404, 200]
