"""The page of all routes, and the description it is made from."""

from __future__ import annotations

import httpx
import pytest

pytestmark = pytest.mark.api

SHOWN = (
    "/v1/audio/speech",
    "/api/openai-voicemap",
    "/api/narrations",
    "/api/captions",
    "/api/lexicon",
    "/api/voices",
    "/api/tts-generate",
    "/audio/{name}",
    "/health",
)


def test_every_route_is_described(http: httpx.Client) -> None:
    paper = http.get("/openapi.json").json()
    assert set(SHOWN) <= set(paper["paths"])
    for path, methods in paper["paths"].items():
        for method, route in methods.items():
            assert route.get("description"), f"{method} {path} says nothing of itself"
    speech = paper["components"]["schemas"]["SpeechBody"]
    assert speech["examples"][0]["voice"] == "nova"


def test_the_page_asks_nobody_else(http: httpx.Client) -> None:
    page = http.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "/openapi.json" in page.text
    assert "http://" not in page.text
    assert "https://" not in page.text
