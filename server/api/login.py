"""The studio's login page: takes the key once and keeps the browser in by a cookie."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from server.api.policy import LOGIN_PATH, GatePolicy
from server.keyfile import COOKIE, cookie_for

COOKIE_SECONDS = 30 * 24 * 3600

router = APIRouter(include_in_schema=False)

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Troupe</title>
<style>
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  * { box-sizing: border-box; }
  body { display: grid; place-content: center; min-height: 100vh; margin: 0; padding: 1rem; }
  form { display: grid; gap: .75rem; width: min(24rem, calc(100vw - 2rem)); }
  h1, p { margin: 0; }
  input, button { font: inherit; padding: .6rem .75rem; border-radius: .5rem; border: 1px solid GrayText; }
  button { border: 0; background: #4f46e5; color: #fff; cursor: pointer; }
  :focus-visible { outline: 3px solid #818cf8; outline-offset: 2px; }
  [role=alert] { color: light-dark(#b91c1c, #fca5a5); }
</style>
<form method="post" action="{path}">
  <h1>Troupe</h1>
  <p>This server answers whoever has its key. It was shown when the server first listened, and lies in
     the file <code>key</code> in its data folder.</p>
  {note}
  <label for="key">Key</label>
  <input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
  <button>Open</button>
</form>
</html>
"""


@router.get(LOGIN_PATH)
async def show_login(request: Request) -> Response:
    """The form; whoever needs it no more is sent on."""
    if request.state.trusted:
        return RedirectResponse("/", 303)
    return _page()


@router.post(LOGIN_PATH)
async def log_in(request: Request, key: Annotated[str, Form(max_length=500)] = "") -> Response:
    """Exchange the key for the cookie."""
    policy = cast(GatePolicy, request.app.state.policy)
    if not policy.allows_key(key.strip()):
        return _page('<p role="alert">That is not the key.</p>', status=401)
    answer = RedirectResponse("/", 303)
    if policy.key is not None:
        answer.set_cookie(
            COOKIE,
            cookie_for(policy.key),
            max_age=COOKIE_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
    return answer


def _page(note: str = "", *, status: int = 200) -> HTMLResponse:
    # Nobody may frame the page and have people type the key into what looks like theirs.
    headers = {"cache-control": "no-store", "content-security-policy": "frame-ancestors 'none'"}
    return HTMLResponse(_PAGE.replace("{path}", LOGIN_PATH).replace("{note}", note), status, headers=headers)
