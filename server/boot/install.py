"""Brings an environment to what the lists ask for: made, repaired, seeded from an older one or left."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from server.boot.environment import Environment, environments, version_of_this_python
from server.boot.errors import BootError
from server.boot.home import Places
from server.boot.launch import child_environment
from server.boot.lists import DEFAULT, RequirementsList, digest_of, has_list, load_list, load_lists
from server.boot.lock import FileLock
from server.boot.pip import PipFailed, PipRun
from server.boot.progress import Progress
from server.boot.stop import StopCheck
from server.boot.torch_build import ANEW, TORCH, fits_this_machine, for_this_machine, from_pypi, refuse_silent_exchange
from server.boot.venv import make_environment

_IDLE = 7 * 24 * 3600.0
"""Seconds after which an environment of another Python version counts as unused."""
_MAKING = 0.05
"""Share of the whole that making the bare environment takes."""
_ON_DISK = 3.0
"""Unpacked and compiled, packages take about three times what was downloaded."""


class Installer:
    """Everything between a start and an environment that has what it needs."""

    def __init__(
        self,
        places: Places,
        progress: Progress,
        stop: StopCheck,
        lists: Callable[[Sequence[str]], list[RequirementsList]] = load_lists,
        root: Path | None = None,
        *,
        pypi_torch: bool = False,
    ) -> None:
        """``pypi_torch`` takes PyTorch from PyPI, where the build that fits this machine comes from elsewhere."""
        self._places = places
        self._progress = progress
        self._stop = stop
        self._lists = lists
        self._root = root or places.environments
        self._pypi_torch = pypi_torch
        self._lock = FileLock(self._root / "install.lock")

    def prepare(self, wanted: Sequence[str] = ()) -> Environment:
        """The environment with the default lists and ``wanted``; installs only what is missing.

        Who names the list of PyTorch itself gets the build for the card that is in the machine now.
        """
        lists = self._lists([*DEFAULT, *wanted])
        environment = self.environment()
        environment.use()
        if self._is_ready(environment, lists) and not _wants_another_build(environment, wanted):
            return environment
        environment.leave()
        self._wait_for_turn()
        with self._lock:
            # The one waited for may have done it all, or moved the folder that was marked as used above.
            if _wants_another_build(environment, wanted):
                # pip fetches the other one first, so that without a network nothing is lost.
                self._progress.say("The PyTorch that is installed does not fit this machine: it is exchanged.")
                lists = [replace(item, pip=(*item.pip, *ANEW)) if item.build else item for item in lists]
                environment.record({**environment.installed(), TORCH: ""}, unfinished=False)
            if not self._is_ready(environment, lists):
                self._bring_up(environment, lists)
            environment.use()
            self._remove_unused(environment)
        return environment

    def is_ready(self, wanted: Sequence[str] = ()) -> bool:
        """Whether there is nothing to install for them."""
        return self._is_ready(self.environment(), self._lists([*DEFAULT, *wanted]))

    def environment(self) -> Environment:
        """The environment that this Python and the default lists name, there or not."""
        name = f"{version_of_this_python()}-{digest_of(self._lists(DEFAULT))}"
        return Environment(self._root / name)

    def _is_ready(self, environment: Environment, lists: Sequence[RequirementsList]) -> bool:
        return (
            environment.alive()
            and not environment.missing(lists)
            and not environment.missing(_further(environment, lists))
        )

    def _wait_for_turn(self) -> None:
        while not self._lock.acquire(note=f"process {os.getpid()}"):
            self._progress.at(f"Waiting for another installation ({self._lock.holder()}) to end")
            self._stop()
            time.sleep(0.3)

    def _bring_up(self, environment: Environment, lists: Sequence[RequirementsList]) -> None:
        lists, further = for_this_machine(lists), for_this_machine(_further(environment, lists))
        if self._pypi_torch:
            lists = [from_pypi(item) for item in lists]
        there = self._keep_or_take_over(environment)
        if there and environment.unfinished() and (dropped := environment.drop_broken_packages()):
            self._progress.say(f"Repairing {len(dropped)} packages that an interruption left incomplete.")
        if missing := environment.missing([*lists, *further]):
            self._announce(environment, missing)
        if not there:
            self._progress.at("Making a Python environment", 0.0)
            make_environment(environment.path, self._stop)
            environment.record({item.name: "" for item in further}, unfinished=True)
        self._install(environment, lists)
        stale = environment.missing(further)
        try:
            self._install(environment, stale)
        except PipFailed as error:
            # An engine that is not asked for now must not keep the server from starting.
            self._progress.say(f"Not brought up to date: {', '.join(i.title for i in stale)}. {error}")

    def _keep_or_take_over(self, environment: Environment) -> bool:
        """Whether there is a working folder of that name now: the one there, or an older one nobody uses."""
        works = environment.alive() and environment.was_made()
        if environment.path.exists() and not works and not environment.delete():
            raise BootError(f"{environment.path} does not work any more and is in use: end its program.")
        if environment.path.exists():
            return True
        # Lists change with most updates, and then mostly by a line. Moving last version's environment and
        # letting pip change that line costs seconds; making a new one costs hundreds of megabytes. A package
        # that no list names any more stays until the next full rebuild, which is harmless.
        for old in sorted(self._same_python(), key=Environment.last_used, reverse=True):
            if old.alive() and old.was_made() and old.move(environment):
                return True
        return False

    def _install(self, environment: Environment, lists: Sequence[RequirementsList]) -> None:
        missing = environment.missing(lists)
        if not missing:
            return
        installed, damaged = environment.installed(), environment.unfinished()
        if damaged:
            # Names stay, so that no engine is forgotten; a digest that fits nothing has them installed again.
            installed = dict.fromkeys(installed, "")
        environment.record(installed, unfinished=True)
        try:
            self._run_pip(environment, lists, missing)
        except PipFailed:
            # pip itself gave up and has put back what it took away; only a killed pip leaves damage.
            environment.record(installed, unfinished=damaged)
            raise
        installed.update({item.name: item.digest for item in missing})
        environment.record(installed, unfinished=False)

    def _run_pip(
        self, environment: Environment, lists: Sequence[RequirementsList], missing: Sequence[RequirementsList]
    ) -> None:
        environ = child_environment(os.environ)
        pip = PipRun(environment.python, environment.packages, self._places.log, environ)
        keep = (self._lock.keep(),) if os.name != "nt" else ()
        total = sum(_weight(item) for item in missing)
        done = 0.0
        for options, group in groupby(sorted(missing, key=_turn), key=lambda item: item.pip):
            batch = list(group)
            for item in batch:
                if item.build == TORCH and not pip.has_own_sources():
                    refuse_silent_exchange(item)
            weight = sum(_weight(item) for item in batch)
            if not options:
                # pip hears of every ordinary list at once, so that none breaks what another asks for. What is
                # satisfied stays untouched.
                known = {item.name: item for item in [*_satisfied(environment), *lists]}
                batch = [item for item in known.values() if not item.pip]

            def report(detail: str, fraction: float, done: float = done, weight: float = weight) -> None:
                whole = (done + weight * fraction) / total
                self._progress.at(detail, _MAKING + (1 - _MAKING) * whole)

            pip.install(batch, sum(i.size for i in missing if i.pip == options), report, self._stop, keep)
            done += weight

    def _announce(self, environment: Environment, missing: Sequence[RequirementsList]) -> None:
        damaged = environment.was_made() and environment.unfinished()
        size = sum(item.size for item in missing if not (damaged and environment.has_packages_of(item)))
        titles = ", ".join(item.title for item in missing if item.size >= 1) or missing[0].title
        if damaged:
            left = f"about {size:.0f} MB" if size >= 1 else "next to nothing"
            self._progress.say(f"Finishing the interrupted installation of {titles}: {left} to download")
        elif all(item.name in environment.installed() for item in missing):
            self._progress.say(f"Updating {titles}: at most {size:.0f} MB to download")
        else:
            self._progress.say(
                f"Installing {titles}: about {size:.0f} MB to download, into {environment.path}"
            )
        free = shutil.disk_usage(self._root).free / 1e6
        if free < size * _ON_DISK:
            raise BootError(
                f"The disk of {environment.path} has {free / 1e3:.1f} GB free, and this needs about "
                f"{size * _ON_DISK / 1e3:.1f} GB. Make room, or name another folder with --home."
            )

    def _same_python(self) -> list[Environment]:
        prefix = f"{version_of_this_python()}-"
        return [item for item in environments(self._root) if item.name.startswith(prefix)]

    def _remove_unused(self, current: Environment) -> None:
        same = {item.name for item in self._same_python()}
        for other in environments(self._root):
            idle = time.time() - other.last_used() > _IDLE
            if other.name != current.name and (other.name in same or idle or not other.alive()):
                other.delete()


def _wants_another_build(environment: Environment, wanted: Sequence[str]) -> bool:
    there = environment.alive() and not environment.unfinished() and TORCH in environment.installed()
    return TORCH in wanted and there and not fits_this_machine(environment.packages)


def _further(environment: Environment, lists: Sequence[RequirementsList]) -> list[RequirementsList]:
    """Lists installed earlier on demand, beside those asked for now."""
    asked = {item.name for item in lists}
    return [item for item in _known(environment) if item.name not in asked]


def _turn(item: RequirementsList) -> tuple[bool, tuple[str, ...]]:
    # The chosen build of torch comes first, or another list's "torch" would fetch whichever PyPI has.
    return item.build != TORCH, item.pip


def _satisfied(environment: Environment) -> list[RequirementsList]:
    return [item for item in _known(environment) if environment.installed()[item.name] == item.digest]


def _known(environment: Environment) -> list[RequirementsList]:
    return [load_list(name) for name in environment.installed() if has_list(name)]


def _weight(item: RequirementsList) -> float:
    # Even a list without a byte to fetch takes pip a moment.
    return item.size + 5
