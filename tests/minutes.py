"""A pytest plugin: prints the minutes each part of Troupe took, against its budget, before the summary."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

BUDGET = {"server": 10, "text": 7, "web UI": 2, "SillyTavern": 6, "studio": 5, "GPU and cloning": 7}
"""Minutes on two cores, installation included (the server's)."""
_PARTS = {
    "web UI": ("tgwui", "webui", "web_ui", "script"),
    "SillyTavern": ("sillytavern", "alltalk", "manifest"),
    "studio": ("studio",),
    "GPU and cloning": ("gpu", "torch", "coqui", "xtts", "vits", "rvc", "conversion"),
    "text": ("text", "narrat", "sentence", "role", "lexicon", "normal", "caption", "markdown", "pipeline"),
}
"""Words in a test file's name that say whose it is; any other is the server's."""


def part_of(file: str) -> str:
    """The part a test file belongs to."""
    name = Path(file).name.lower()
    return next((part for part, words in _PARTS.items() if any(word in name for word in words)), "server")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--installation", type=float, default=0.0, metavar="SECONDS", help="spent before pytest")


class Minutes:
    """Adds up set-up, call and tear-down of every test."""

    def __init__(self, installation: float) -> None:
        self._installation = installation
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[part_of(report.location[0])] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        self._seconds["server"] += self._installation
        terminalreporter.section("minutes")
        for part, budget in BUDGET.items():
            used = self._seconds[part] / 60
            over = "  over its budget" if used > budget else ""
            terminalreporter.write_line(f"{part:<16} {used:5.1f} of {budget}{over}")
        whole, installation = sum(self._seconds.values()) / 60, self._installation / 60
        terminalreporter.write_line(f"{'all':<16} {whole:5.1f}, {installation:.1f} of it installation")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Minutes(config.getoption("--installation")), "minutes-used")
