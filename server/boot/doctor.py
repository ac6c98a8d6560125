"""``doctor``: what is installed, on which device, with which weights, what is missing and what mends it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import distributions

from server import __version__
from server.boot.arguments import COMMAND
from server.boot.environment import Environment, environments, size_on_disk, version_of_this_python
from server.boot.hardware import nvidia_cards
from server.boot.home import Places
from server.boot.install import Installer
from server.boot.lists import DEFAULT, RequirementsList, load_list, load_lists, names
from server.boot.progress import Progress
from server.boot.state import StateFile, read_state
from server.boot.stop import never
from server.boot.torch_build import for_this_machine

_TELLING = (
    "fastapi",
    "uvicorn",
    "av",
    "gradio",
    "onnxruntime",
    "misaki",
    "spacy",
    "piper-tts",
    "coqui-tts",
    "torch",
)
"""Packages whose version a bug report wants."""


def doctor(places: Places) -> int:
    """Print the findings; 0 when the default engine can speak, 1 when something must be mended first."""
    state = StateFile(places.state, version=__version__, instance="")
    environment = Installer(places, Progress(state), never).environment()
    needed = load_lists(DEFAULT)
    broken = list(_faults(environment, needed))
    for line in [
        f"Troupe {__version__} on Python {platform.python_version()} ({sys.executable})",
        f"System       {platform.platform()}",
        f"Home         {places.home}",
        f"Server       {_server(places)}",
        f"Device       {', '.join(nvidia_cards()) or 'no NVIDIA card: speech is made on the CPU'}",
        *_environment(environment),
        *_others(places, environment),
        *_lists(environment),
        *_weights(places),
        *(broken or ["Nothing is missing."]),
    ]:
        sys.stdout.write(line + "\n")
    return 1 if broken else 0


def _server(places: Places) -> str:
    state = read_state(places.state)
    if not state:
        return "not running"
    words = (state.get("phase"), state.get("url"), f"(process {state.get('pid')})", state.get("detail"))
    return " ".join(str(word) for word in words if word)


def _environment(environment: Environment) -> Iterator[str]:
    if not environment.was_made():
        yield f"Environment  {environment.path} (not made yet)"
        return
    yield f"Environment  {environment.path}, {size_on_disk(environment.path) / 1e6:.0f} MB"
    found = {d.name.lower(): d.version for d in distributions(path=[str(environment.packages)])}
    yield "Packages     " + ", ".join(f"{name} {found[name]}" for name in _TELLING if name in found)


def _others(places: Places, environment: Environment) -> Iterator[str]:
    for other in environments(places.environments):
        if other.name != environment.name:
            yield f"Also there   {other.path}, {size_on_disk(other.path) / 1e6:.0f} MB"


def _lists(environment: Environment) -> Iterator[str]:
    default = {item.name for item in load_lists(DEFAULT)}
    for item in map(load_list, names()):
        if not environment.missing([item]):
            yield f"Installed    {item.name}: {item.title}"
        elif item.name not in default:
            missing = for_this_machine(environment.missing(load_lists([item.name])))
            size = sum(part.size for part in missing if part.name not in default)
            yield f"Available    {item.name}: {item.title}, {size:.0f} MB:  {COMMAND} install {item.name}"


def _weights(places: Places) -> Iterator[str]:
    files = [path for path in places.models.rglob("*") if path.is_file()] if places.models.is_dir() else []
    for path in sorted(files):
        if (size := path.stat().st_size) > 1_000_000:
            yield f"Weights      {path.relative_to(places.models)}, {size / 1e6:.0f} MB"


def _faults(environment: Environment, needed: list[RequirementsList]) -> Iterator[str]:
    again = f"{COMMAND} install"
    if not environment.was_made():
        yield f"Missing      the environment for Python {version_of_this_python()}:  {again}"
    elif not environment.alive():
        yield f"Broken       the environment's Python is gone:  {again}"
    elif environment.unfinished():
        yield f"Broken       the last installation was interrupted:  {again}"
    else:
        for item in environment.missing(needed):
            yield f"Missing      {item.title}:  {again}"
