"""Where TROUPE_HOME is stands twice, because extension and server never import each other: the two stay equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from extension import home as extension_home
from server.boot import home as server_home

pytestmark = pytest.mark.unit

USER = Path("/home/someone")


@pytest.mark.parametrize("platform", ["win32", "darwin", "linux", "freebsd14"])
@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LOCALAPPDATA": "D:/Local", "XDG_DATA_HOME": "/data/me"},
        {"LOCALAPPDATA": "", "XDG_DATA_HOME": ""},
    ],
)
def test_the_same_place_on_every_platform(platform: str, environ: dict[str, str]) -> None:
    here = extension_home.default_home(platform, environ, USER)
    assert here == server_home.default_home(platform, environ, USER)


@pytest.mark.parametrize("chosen", ["", "relative/folder", "~/voices", "/srv/troupe"])
def test_the_same_choice(chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TROUPE_HOME", chosen)
    assert extension_home.find_home() == server_home.find_home()
    assert extension_home.find_home().is_absolute()
