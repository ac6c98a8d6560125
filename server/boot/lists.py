"""Requirements lists, and what they say about themselves in their first lines.

A list is an ordinary pip requirements file. Comments of the form ``# key: value`` are read here:

``title``  what people read
``size``   megabytes of downloads, without what other lists already bring
``needs``  names of other lists that belong to it
``pip``    options for pip, for packages whose own metadata is wrong or asks for too much
``offer``  ``nvidia``: named to people who have such a card
``build``  ``torch``: the build of PyTorch that fits the machine, see torch_build.py
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from server.boot.errors import BootError

FOLDER = Path(__file__).resolve().parent.parent / "requirements"
DEFAULT = ("base", "studio", "kokoro")
"""What every environment has; their content names it."""
FOR_MODELS = "coqui-vits"
"""What is needed for a model of the Coqui library; models are told from lists by the slashes in their names."""
WITH_LICENCE = "xtts"
"""The engine whose one model has a licence that must be accepted."""
_KEYS = ("title", "size", "needs", "pip", "offer", "build")


@dataclass(frozen=True)
class RequirementsList:
    """One file of requirements."""

    name: str
    path: Path
    digest: str
    """Changes when a requirement or an option does, not when a comment does."""
    title: str
    size: float
    """Megabytes."""
    needs: tuple[str, ...]
    pip: tuple[str, ...]
    offer: str
    build: str
    requirements: tuple[str, ...]


def load_list(name: str, folder: Path = FOLDER) -> RequirementsList:
    """Read one list; BootError names those that exist."""
    path = folder / f"{name}.txt"
    if not path.is_file():
        raise BootError(f"There is nothing named {name!r} to install. There is: {', '.join(names(folder))}.")
    said: dict[str, str] = {}
    requirements: list[str] = []
    for raw in path.read_text(encoding="utf-8").splitlines():
        line = raw.strip()
        if line.startswith("#"):
            key, colon, value = line[1:].partition(":")
            if colon and key.strip() in _KEYS:
                said[key.strip()] = value.strip()
        elif line:
            requirements.append(line.split(" #")[0].strip())
    content = "\n".join([said.get("pip", ""), *requirements])
    return RequirementsList(
        name=name,
        path=path,
        digest=hashlib.sha256(content.encode()).hexdigest()[:16],
        title=said.get("title", name),
        size=float(said.get("size", "0").split()[0]),
        needs=tuple(said.get("needs", "").replace(",", " ").split()),
        pip=tuple(shlex.split(said.get("pip", ""))),
        offer=said.get("offer", ""),
        build=said.get("build", ""),
        requirements=tuple(requirements),
    )


def load_lists(wanted: Iterable[str], folder: Path = FOLDER) -> list[RequirementsList]:
    """The lists named and all they need, each once, in that order."""
    found: dict[str, RequirementsList] = {}
    queue = list(wanted)
    while queue:
        name = queue.pop(0)
        if name not in found:
            found[name] = load_list(name, folder)
            queue[:0] = found[name].needs
    return list(found.values())


def names(folder: Path = FOLDER) -> list[str]:
    """Every list there is."""
    return sorted(path.stem for path in folder.glob("*.txt"))


def has_list(name: str, folder: Path = FOLDER) -> bool:
    """Whether an engine of this name brings requirements of its own."""
    return name in names(folder)


def digest_of(lists: Sequence[RequirementsList]) -> str:
    """Eight hex digits that stand for all of them."""
    text = "\n".join(f"{item.name} {item.digest}" for item in sorted(lists, key=lambda item: item.name))
    return hashlib.sha256(text.encode()).hexdigest()[:8]
