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


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, "/u/.local/share/troupe"),
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/troupe"),
        ("darwin", {"XDG_DATA_HOME": "/data"}, "/u/Library/Application Support/Troupe"),
        ("win32", {"LOCALAPPDATA": "/u/Local"}, "/u/Local/Troupe"),
        ("win32", {}, "/u/AppData/Local/Troupe"),
    ],
)
def test_home_is_one_rule_written_twice(platform: str, environ: dict[str, str], expected: str) -> None:
    for module in (server_home, extension_home):
        assert module.default_home(platform, environ, Path("/u")) == Path(expected)


def test_home_argument_wins_over_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TROUPE_HOME", str(tmp_path / "variable"))
    assert server_home.find_home() == extension_home.find_home() == tmp_path / "variable"
    assert server_home.find_home(str(tmp_path / "argument")) == tmp_path / "argument"
