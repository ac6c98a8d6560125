"""What pip prints, turned into progress and reasons; what an interruption leaves behind."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from server.boot.environment import Environment
from server.boot.pip_output import PipOutput
from server.boot.progress import Progress
from server.boot.state import StateFile, read_state

pytestmark = pytest.mark.unit


def read(output: PipOutput, text: str) -> None:
    for line in text.splitlines():
        output.read(line + "\n")


def test_downloads_count_by_size(tmp_path: Path) -> None:
    output = PipOutput(100, tmp_path)
    assert output.where() == ("Looking up what is needed", 0.0)
    read(output, "Collecting alpha\n  Downloading alpha-1.0-py3-none-any.whl (40.0 MB)\nProgress 20 of 40")
    detail, fraction = output.where()
    assert detail == "Downloading alpha, 40 MB"
    assert fraction == pytest.approx(0.7 * 0.2)
    read(output, "  Using cached beta-1.0-py3-none-any.whl (60.0 MB)\nProgress 60 of 60")
    assert output.where()[1] == pytest.approx(0.7)


def test_metadata_is_not_a_large_file(tmp_path: Path) -> None:
    output = PipOutput(10, tmp_path)
    read(output, "  Downloading alpha-1.0-py3-none-any.whl.metadata (12 kB)")
    assert output.where()[0] == "Downloading alpha"


def test_unpacking_counts_finished_packages(tmp_path: Path) -> None:
    output = PipOutput(10, tmp_path)
    read(output, "Installing collected packages: alpha, beta")
    assert output.where() == ("Unpacking 2 packages", pytest.approx(0.7))
    (tmp_path / "alpha-1.0.dist-info").mkdir()
    (tmp_path / "alpha-1.0.dist-info" / "RECORD").touch()
    assert output.where()[1] == pytest.approx(0.85)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(...: "
            "Connection refused')': /simple/alpha/\nERROR: No matching distribution found for alpha",
            "does not answer",
        ),
        ("WARNING: ... [Errno -3] Temporary failure in name resolution", "does not answer"),
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        ("ERROR: No matching distribution found for alpha>=3", "no ready-made file of alpha>=3"),
        ("ERROR: alpha's METADATA is invalid", "failed: alpha's METADATA is invalid"),
        ("", "pip gave no reason"),
    ],
)
def test_failures_have_plain_reasons(tmp_path: Path, said: str, reason: str) -> None:
    output = PipOutput(10, tmp_path)
    read(output, said)
    assert reason in output.reason()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_and_hosts_get_the_state(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "state.json", version="1", instance="one")
    state.claim()
    terminal = Terminal()
    progress = Progress(state, terminal)
    progress.at("Downloading alpha", 0.5)
    assert "[############............]  50 % Downloading alpha" in terminal.getvalue()
    assert read_state(tmp_path / "state.json")["fraction"] == 0.5
    progress.say("Done.")
    assert terminal.getvalue().endswith("\rDone.\n")
    state.remove()


def test_elsewhere_lines_come_slowly(tmp_path: Path) -> None:
    stream = io.StringIO()
    progress = Progress(StateFile(tmp_path / "state.json", version="1", instance="one"), stream)
    for step in range(100):
        progress.at("Downloading alpha", step / 100)
    assert stream.getvalue() == "    0 %  Downloading alpha\n"


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """Two whole packages, made by hand."""
    environment = Environment(tmp_path / "env")
    packages = (
        tmp_path
        / "env"
        / ("lib/python3.12/site-packages" if environment.python.parent.name == "bin" else "Lib/site-packages")
    )
    for name in ("alpha", "beta"):
        info = packages / f"{name}-1.0.dist-info"
        info.mkdir(parents=True)
        (packages / name).mkdir()
        (packages / name / "__init__.py").write_text("x = 1\n")
        (info / "RECORD").write_text(
            f"{name}/__init__.py,sha256=x,6\n../../../bin/{name},,\n{name}-1.0.dist-info/RECORD,,\n"
        )
    return environment


@pytest.mark.parametrize("damage", ["no RECORD", "file missing", "file cut short"])
def test_broken_packages_are_found(environment: Environment, damage: str) -> None:
    assert environment.drop_broken_packages() == []
    packages = environment.packages
    (packages / "~amma").mkdir()
    if damage == "no RECORD":
        (packages / "beta-1.0.dist-info" / "RECORD").unlink()
    elif damage == "file missing":
        (packages / "beta" / "__init__.py").unlink()
    else:
        (packages / "beta" / "__init__.py").write_text("x")
    assert environment.drop_broken_packages() == ["beta-1.0"]
    assert not (packages / "beta-1.0.dist-info").exists()
    assert not (packages / "~amma").exists()
    assert (packages / "alpha-1.0.dist-info").exists()


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_without_a_readable_marker_everything_is_missing(
    environment: Environment, content: str | None
) -> None:
    if content is not None:
        (environment.path / "troupe.json").write_text(content)
    assert environment.unfinished()
    assert environment.installed() == {}
