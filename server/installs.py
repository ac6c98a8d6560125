"""Installing an engine while the server runs: on a thread, one at a time, with its progress to be looked at."""

from __future__ import annotations

import importlib
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from server import __version__
from server.boot.environment import Environment
from server.boot.errors import BootError, Stopped
from server.boot.home import Places
from server.boot.install import Installer
from server.boot.lists import has_list
from server.boot.progress import Progress
from server.boot.state import StateFile
from server.boot.stop import StopCheck
from server.errors import Conflict, InvalidRequest, SpeechError, Unavailable

log = logging.getLogger("troupe.install")

Tell = Callable[[str, "float | None"], None]
Work = Callable[[Tell, StopCheck], None]
"""Does something long, telling what, asking whether to stop; raises BootError or SpeechError."""
Install = Callable[[str, Tell, StopCheck], None]
"""Installs the list of that name, telling what it does, asking whether to stop; raises BootError."""


class Installs:
    """The installation that runs, or the last one. ``install`` does the work; tests bring their own."""

    def __init__(self, home: Path, install: Install | None = None) -> None:
        self._home = home
        self._install = install or self._with_pip
        self._own = install is not None
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.name = ""
        """The engine for which something is installed or fetched, or was last; empty before the first."""
        self.fraction: float | None = None
        self.lines: deque[str] = deque(maxlen=200)
        """What was done, step by step."""
        self.problem = ""
        """Why the last one failed, for a person."""

    @property
    def running(self) -> bool:
        """Whether something is being installed now."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def possible(self) -> bool:
        """False where the server runs in a Python that Troupe did not make, and so does not change."""
        return self._own or Environment(Path(sys.prefix)).was_made()

    def start(self, name: str) -> None:
        """Begin to install the list of that name."""
        if not self._own and not has_list(name):
            raise InvalidRequest(f"There is nothing to install for {name!r}.", param="engine")
        if not self.possible:
            raise Unavailable(
                f"This server uses a Python of its own choice. Install there: pip install -r "
                f"server/requirements/{name}.txt",
                code="environment_not_ours",
            )
        self.begin(name, lambda tell, stop: self._install(name, tell, stop))

    def begin(self, name: str, work: Work) -> None:
        """Begin other work for the engine of that name, such as fetching a model, to be watched in the same way."""
        if self.running:
            raise Conflict(f"{self.name} is being installed; one thing at a time.", code="installing")
        self.name, self.fraction, self.problem = name, 0.0, ""
        self.lines.clear()
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, args=(name, work), name="install", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop; the next attempt goes on from there."""
        self._stop.set()

    def _run(self, name: str, work: Work) -> None:
        try:
            work(self._tell, self._check)
        except Stopped:
            self.problem = "Stopped. Installing again goes on from there."
        except (BootError, SpeechError, OSError) as error:
            self.problem = str(error)
            log.error("installing %s failed: %s", name, error)
        except Exception as error:  # this thread ends here: what nobody foresaw would be seen by nobody
            self.problem = f"{name} failed ({type(error).__name__}: {error}). The log has more."
            log.exception("installing %s failed", name)
        else:
            self.fraction = 1.0
            log.info("%s is installed", name)
        finally:
            # Python remembers what it did not find.
            importlib.invalidate_caches()

    def _tell(self, detail: str, fraction: float | None) -> None:
        if fraction is not None:
            self.fraction = fraction
        if detail and (not self.lines or self.lines[-1] != detail):
            self.lines.append(detail)

    def _check(self) -> None:
        if self._stop.is_set():
            raise Stopped("Stopped.")

    def _with_pip(self, name: str, tell: Tell, stop: StopCheck) -> None:
        places = Places(self._home)
        Installer(places, _Told(places, tell), stop).prepare([name])


class _Told(Progress):
    """Progress for the studio: ``state.json`` says what the server does, and it goes on serving."""

    def __init__(self, places: Places, tell: Tell) -> None:
        super().__init__(StateFile(places.state, version=__version__, instance=""))
        self._tell = tell

    def say(self, text: str) -> None:
        """A sentence that stays."""
        self._tell(text, None)

    def at(self, detail: str, fraction: float | None = None) -> None:
        """What is being done now."""
        self._tell(detail, fraction)
