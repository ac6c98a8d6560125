"""The launcher's other commands and ways in: doctor, uninstall, another Python, start.sh."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.clone import POSIX, REPOSITORY, Clone

pytestmark = pytest.mark.e2e


def test_doctor_tells_what_is_missing(clone: Clone) -> None:
    before = clone.run("doctor")
    assert before.returncode == 1
    assert "not made yet" in before.stdout
    assert "-m server install" in before.stdout
    assert not clone.environments()


def test_doctor_tells_what_is_installed(installed: Clone) -> None:
    after = installed.run("doctor")
    assert after.returncode == 0, after.stdout
    assert "Installed    base" in after.stdout
    assert "Available    piper: More voices" in after.stdout
    assert "Nothing is missing." in after.stdout
    assert str(installed.environment()) in after.stdout


def test_uninstall_asks_and_keeps_what_is_the_users(installed: Clone) -> None:
    (installed.home / "voices").mkdir()
    process = installed.start("uninstall")
    out, _ = process.communicate("n\n")
    assert process.returncode == 1
    assert "Nothing was removed" in out
    assert installed.environments()
    assert installed.run("uninstall", "--yes").returncode == 0
    assert not (installed.home / "env").exists()
    assert (installed.home / "voices").is_dir()
    assert installed.run("uninstall", "--yes", "--everything").returncode == 0
    assert not installed.home.exists()


def test_a_python_that_has_everything_is_used_as_it_is(clone: Clone) -> None:
    answer = clone.serve("--this-python")
    assert Path(answer["prefix"]) == Path(sys.prefix)
    assert answer["owned"]
    assert not clone.environments()


@POSIX
@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a shell")
def test_start_sh_passes_everything_on(clone: Clone) -> None:
    shutil.copy(REPOSITORY / "start.sh", clone.folder)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [clone.folder / "start.sh", "--this-python"],
        cwd=clone.folder.parent,
        env=clone.environ(PATH=path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    assert Path(json.loads(done.stdout)["cwd"]) == clone.folder


@POSIX
def test_start_sh_says_what_to_install(clone: Clone, tmp_path: Path) -> None:
    shutil.copy(REPOSITORY / "start.sh", clone.folder)
    tools = tmp_path / "bin"
    tools.mkdir()
    for tool in ("sh", "dirname"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    done = subprocess.run(
        [str(tools / "sh"), str(clone.folder / "start.sh")],
        env={"PATH": str(tools)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "found none" in done.stderr
