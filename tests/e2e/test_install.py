"""The launcher installs what is missing, real pip and environments: at the first start, after changes, on demand."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.clone import UNREACHABLE, Clone, index_at

pytestmark = pytest.mark.e2e


def test_first_start_installs_and_second_needs_nothing(clone: Clone, tmp_path: Path) -> None:
    dirty = {"PYTHONPATH": str(tmp_path), "CONDA_PREFIX": "/conda"}
    process = clone.start(**dirty)
    phases: list[str] = []
    while process.poll() is None:
        phase = clone.state().get("phase")
        if phase and phase not in phases:
            phases.append(phase)
        time.sleep(0.005)
    out, err = process.communicate()
    assert process.returncode == 7, err
    answer = json.loads(out)
    assert "installing" in phases
    assert "about 1 MB to download" in err
    assert answer["owned"]
    assert Path(answer["prefix"]) == clone.environment()
    assert clone.environment().name.startswith(f"{sys.version_info[0]}.{sys.version_info[1]}-")
    assert {"alpha", "beta", "gamma"} <= set(answer["packages"])
    assert not {"PYTHONPATH", "CONDA_PREFIX"} & set(answer["environ"])
    assert Path(answer["cwd"]) == clone.folder
    assert clone.state() == {}

    runs = clone.pip_runs()
    again = clone.run(**index_at(UNREACHABLE))
    assert (again.returncode, again.stderr) == (7, "")
    assert clone.pip_runs() == runs


def test_two_starts_at_once_install_once(clone: Clone) -> None:
    both = [clone.start("--host-owned"), clone.start("--host-owned")]
    for process in both:
        assert process.stdout is not None
    answers = [json.loads(process.stdout.readline()) for process in both if process.stdout]
    assert sorted(answer["owned"] for answer in answers) == [False, True]
    assert {answer["prefix"] for answer in answers} == {str(clone.environment())}
    said = "".join(process.communicate()[1] for process in both)
    assert said.count("Installing base") == 1
    assert said.count("Waiting for another installation") >= 1
    assert clone.state() == {}


def test_no_network_and_nothing_installed_is_one_message(clone: Clone) -> None:
    done = clone.run(**index_at(UNREACHABLE), PIP_RETRIES="1")
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("Troupe:")]
    assert len(said) == 1
    assert "Check the network" in said[0]
    assert "Traceback" not in done.stderr
    assert (clone.state()["phase"], "Check the network" in clone.state()["detail"]) == ("failed", True)
    clone.serve()


def test_a_home_that_cannot_be_made_is_one_message(clone: Clone) -> None:
    clone.home.write_text("a file")
    done = clone.run()
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert str(clone.home) in done.stderr


def test_a_changed_list_changes_only_its_packages(installed: Clone) -> None:
    before = installed.environment()
    kept = installed.environment().rglob("alpha/__init__.py")
    stamp = next(kept).stat().st_mtime_ns
    installed.build("beta", "2.0")
    installed.write("studio", "beta>=2\n")
    answer = installed.serve()
    assert answer["packages"]["beta"] == "2.0"
    assert next(installed.environment().rglob("alpha/__init__.py")).stat().st_mtime_ns == stamp
    assert installed.environment() != before


def test_an_engine_on_demand_stays_through_changes(installed: Clone) -> None:
    name = installed.environment()
    done = installed.run("install", "piper")
    assert done.returncode == 0, done.stderr
    assert "More voices" in done.stdout
    assert installed.environment() == name
    assert installed.state() == {}
    installed.write("base", "alpha>=1\nbeta>=1\n")
    assert "extra" in installed.serve()["packages"]
    installed.build("extra", "2.0")
    installed.write("piper", "extra>=2\n")
    assert installed.serve()["packages"]["extra"] == "2.0"
    # An engine nobody asks for now must not keep the server from starting.
    installed.write("piper", "extra>=3\n")
    done = installed.run()
    assert done.returncode == 7
    assert "Not brought up to date" in done.stderr


def test_an_engine_named_at_the_start_is_installed(installed: Clone) -> None:
    assert "extra" in installed.serve("--engine", "piper")["packages"]
    done = installed.run("install", "nothing")
    assert done.returncode == 1
    assert "There is: base" in done.stderr


def test_a_server_in_use_keeps_its_environment(installed: Clone) -> None:
    first = installed.environment()
    running = installed.start("--host-owned")
    assert running.stdout is not None
    assert json.loads(running.stdout.readline())["owned"]
    refused = installed.run("uninstall", "--yes")
    assert refused.returncode == 1
    assert "stop the server first" in refused.stderr
    installed.write("studio", "beta>=0.5\n")
    other = installed.serve()
    assert not other["owned"]
    assert Path(other["prefix"]) != first
    assert first.is_dir()
    assert installed.state()["phase"] == "ready"
    assert running.poll() is None
    running.communicate()
    # Nobody uses the older one now; the next change takes it over or removes it.
    installed.write("studio", "beta>=0.6\n")
    installed.serve()
    assert len(installed.environments()) == 1
    assert not first.exists()


def test_environments_of_other_pythons_go_when_idle(installed: Clone) -> None:
    folder = installed.home / "env"
    for name, age in (("3.9-00000000", 8), ("3.8-00000000", 1)):
        shutil.copytree(installed.environments()[0], folder / name, symlinks=True)
        use = folder / f".{name}.use"
        use.touch()
        os.utime(use, (time.time() - age * 86400,) * 2)
    installed.write("studio", "beta>=0.5\n")
    installed.serve()
    left = {path.name.partition("-")[0] for path in installed.environments()}
    assert left == {"3.8", f"{sys.version_info[0]}.{sys.version_info[1]}"}
