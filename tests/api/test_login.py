"""The login page: the key for a cookie, and the cookie for the studio."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from server.api import login
from server.api.errors import install_error_handlers
from server.api.policy import GatePolicy
from server.api.security import Gate
from server.keyfile import COOKIE

pytestmark = pytest.mark.api

KEY = "k" * 43
VISIT = {"sec-fetch-site": "none", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def make(key: str | None) -> FastAPI:
    app = FastAPI()
    app.state.policy = GatePolicy(key=key)
    app.include_router(login.router)
    install_error_handlers(app)

    @app.get("/")
    async def studio() -> str:
        return "the studio"

    app.add_middleware(Gate, policy=app.state.policy)
    return app


def browse(
    key: str | None, *requests: tuple[str, str, dict[str, str]], base: str = "http://localhost"
) -> list[httpx.Response]:
    async def browsing() -> list[httpx.Response]:
        transport = httpx.ASGITransport(make(key))
        async with httpx.AsyncClient(transport=transport, base_url=base, headers=VISIT) as client:
            return [await client.request(method, path, data=form) for method, path, form in requests]

    return asyncio.run(browsing())


def test_the_key_opens_the_studio():
    closed, page, wrong, right, studio, again = browse(
        KEY,
        ("GET", "/", {}),
        ("GET", "/login", {}),
        ("POST", "/login", {"key": "wrong"}),
        ("POST", "/login", {"key": f" {KEY} "}),
        ("GET", "/", {}),
        ("GET", "/login", {}),
    )
    assert (closed.status_code, closed.headers["location"]) == (303, "/login")
    assert page.status_code == 200
    assert 'action="/login"' in page.text
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert wrong.status_code == 401
    assert "That is not the key." in wrong.text
    assert "set-cookie" not in wrong.headers
    assert (right.status_code, right.headers["location"]) == (303, "/")
    cookie = right.headers["set-cookie"]
    for word in (f"{COOKIE}=", "HttpOnly", "SameSite=strict", "Path=/"):
        assert word in cookie
    assert "Secure" not in cookie
    assert KEY not in cookie
    assert studio.json() == "the studio"
    assert (again.status_code, again.headers["location"]) == (303, "/")


def test_behind_https_the_cookie_is_secure():
    (answer,) = browse(KEY, ("POST", "/login", {"key": KEY}), base="https://localhost")
    assert "Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize("form", [{}, {"key": ""}, {"key": "x" * 600}, {"key": "\x00é"}])
def test_what_is_not_the_key(form):
    (answer,) = browse(KEY, ("POST", "/login", form))
    assert answer.status_code in (400, 401)
    assert "set-cookie" not in answer.headers


def test_without_a_key_nobody_logs_in():
    page, posted, studio = browse(
        None, ("GET", "/login", {}), ("POST", "/login", {"key": "x"}), ("GET", "/", {})
    )
    assert page.status_code == posted.status_code == 303
    assert "set-cookie" not in posted.headers
    assert studio.status_code == 200
