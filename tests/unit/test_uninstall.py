"""``uninstall``: takes what Troupe has made, and nothing that merely lies in the same folder."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from server.boot.errors import BootError
from server.boot.home import Places
from server.boot.lock import FileLock
from server.boot.uninstall import uninstall

pytestmark = pytest.mark.unit

FILES = (
    *("state.lock", "state.json", "key", "settings.yaml", "settings.yaml.bak", ".key.a1.tmp", "voicemap.yaml"),
    *("settings.yaml.orig", "settings.yaml.orig.2", ".settings.yaml.orig.12.b2.tmp"),
    *("env/install.lock", "env/.3.11-0a1b2c3d.use", "env/3.11-0a1b2c3d/troupe.json", "env/.removed-3.9-01ab-77/x"),
    *("voices/kokoro/voices.yaml", "models/kokoro/weights", "logs/server.log", "hosts/tgwui.json", "audio/a/b.wav"),
)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    home = tmp_path / "home"
    for name in FILES:
        put(home / name)
    return Places(home)


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    return path


def test_a_home_of_its_own_goes_as_a_whole(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert uninstall(places, ask=False, everything=True) == 0
    assert not places.home.exists()
    assert f"{places.home} is removed." in capsys.readouterr().out


def test_what_is_not_troupes_stays_and_is_named(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    others = ["thesis.odt", "models.bak/x", "photos/one.jpg", "env/my-venv/pyvenv.cfg", "state.json.txt", "keys"]
    others += ["settings.yaml.orig.mine", "thesis.orig.2"]
    for name in others:
        put(places.home / name)
    assert uninstall(places, ask=False, everything=True) == 0
    left = {str(path.relative_to(places.home).as_posix()) for path in places.home.rglob("*") if path.is_file()}
    assert left == set(others)
    assert "not Troupe's:\n  env, keys, models.bak, photos, " in (said := capsys.readouterr().out)
    assert "photos, settings.yaml.orig.mine, state.json.txt, thesis.odt, thesis.orig.2\n" in said


@pytest.mark.parametrize("everything", [True, False])
def test_a_folder_that_troupe_never_used_is_left_alone(tmp_path: Path, everything: bool) -> None:
    others = [put(tmp_path / name) for name in ("models/mine", "audio/song.ogg", "key", "env/3.11-0a/troupe.json")]
    with pytest.raises(BootError, match="does not look like Troupe's folder"):
        uninstall(Places(tmp_path), ask=False, everything=everything)
    assert all(path.is_file() for path in others)


def test_a_persons_own_home_is_not_taken_for_troupes(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    for own in (places.home, places.home / "ada"):
        monkeypatch.setattr(Path, "home", lambda own=own: own)
        with pytest.raises(BootError, match="is not Troupe's alone"):
            uninstall(places, ask=False, everything=True)
    assert all((places.home / name).is_file() for name in FILES)
    assert uninstall(places, ask=False, everything=False) == 0


def test_where_there_is_nothing_nothing_is_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for home in (tmp_path, tmp_path / "missing"):
        assert uninstall(Places(home), ask=False, everything=True) == 0
    assert "Nothing is installed" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_voices_models_and_settings_stay(places: Places) -> None:
    mine = put(places.environments / "my-venv" / "pyvenv.cfg")
    assert uninstall(places, ask=False, everything=False) == 0
    assert [path for path in places.environments.rglob("*") if path.is_file()] == [mine]
    for name in ("voices/kokoro/voices.yaml", "models/kokoro/weights", "key", "settings.yaml"):
        assert (places.home / name).is_file()
    assert not places.state.exists()


def test_under_a_running_server_nothing_is_removed(places: Places) -> None:
    with FileLock(places.state_lock) as running_one:
        assert running_one.acquire()
        with pytest.raises(BootError, match="stop the server first"):
            uninstall(places, ask=False, everything=True)
    assert {name for name in FILES if not (places.home / name).is_file()} == set()


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_of_a_link_only_the_link_goes(places: Places, tmp_path: Path) -> None:
    elsewhere = put(tmp_path / "big disk" / "weights")
    (places.home / "rvc").symlink_to(elsewhere.parent)
    assert uninstall(places, ask=False, everything=True) == 0
    assert not places.home.exists()
    assert elsewhere.is_file()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX systems")
def test_what_cannot_be_removed_is_said(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.name == "key":  # root, as whom tests may run, is refused nothing
            raise PermissionError(13, "Permission denied")
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert uninstall(places, ask=False, everything=True) == 1
    assert [path.name for path in places.home.iterdir()] == ["key"]
    captured = capsys.readouterr()
    assert captured.err == f"Troupe: {places.home / 'key'} could not be removed: Permission denied\n"
    assert "not Troupe's" not in captured.out
