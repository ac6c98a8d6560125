"""Loads the settings; with their layers the only reader of settings files and of the environment.

Later wins: the shipped settings.yaml, the user's in TROUPE_HOME, the environment (``TROUPE_SERVER__PORT``),
the command line.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import itertools
import logging
import os
import sys
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import PrivateAttr, ValidationError

from server.boot.home import default_home
from server.errors import ConfigError
from server.files import backup_of, write_atomically, write_with_backup
from server.settings_edit import edited
from server.settings_layers import (
    Layer,
    Source,
    command_line_layer,
    environment_layer,
    file_layer,
    layer_of,
    leaves_of,
    shortened,
    unflatten,
)
from server.settings_tree import SettingsTree

SHIPPED = Path(__file__).resolve().parent.parent / "settings.yaml"
USER_HEADER = "# Your settings; settings.yaml in Troupe's own folder explains each of them.\n"

log = logging.getLogger("troupe.settings")

_write_lock = threading.Lock()


class Settings(SettingsTree):
    """The settings in force, and where they came from."""

    _origin: _Origin = PrivateAttr()
    _sources: dict[str, Source] = PrivateAttr(default_factory=dict)
    _labels: dict[str, str] = PrivateAttr(default_factory=dict)

    @property
    def home(self) -> Path:
        """The folder of everything made at run time (TROUPE_HOME)."""
        return self._origin.home

    def reloaded(self) -> Settings:
        """The settings as they would be loaded now, with the same command line and environment."""
        return load_settings(self._origin.arguments, self._origin.environ, self._origin.home)


def load_settings(
    arguments: Mapping[str, object] | argparse.Namespace | None = None,
    environ: Mapping[str, str] | None = None,
    home: Path | None = None,
) -> Settings:
    """Read every source; raises ConfigError naming the source, the key, what was expected, what is there."""
    given = dict(vars(arguments) if isinstance(arguments, argparse.Namespace) else arguments or {})
    environment = dict(os.environ if environ is None else environ)
    home = home or _home(given, environment)
    layers = [
        file_layer(SHIPPED, "shipped"),
        file_layer(user_file(home), "user"),
        environment_layer(environment),
        command_line_layer(given),
    ]
    values = {key: value for layer in layers for key, value in layer.items()}
    settings = _validated(values)
    settings._origin = _Origin(home, given, environment)
    settings._sources = {key: value.source for key, value in values.items()}
    settings._labels = {key: value.label for key, value in values.items()}
    return settings


def tell_libraries(**values: str) -> None:
    """Set environment variables that libraries look at when they are imported; nothing of ours reads them."""
    os.environ.update(values)


def where(settings: Settings, key: str) -> Source:
    """Which source decided ``key``; of a map (``engine.options``) the strongest one that adds to it."""
    order: tuple[Source, ...] = ("shipped", "user", "environment", "command line")
    found = [
        source for name, source in settings._sources.items() if name == key or name.startswith(key + ".")
    ]
    return max(found, key=order.index, default="shipped")


def user_file(home: Path) -> Path:
    """The user's settings file."""
    return home / "settings.yaml"


def refuse_unknown_engines(settings: Settings, engines: Collection[str]) -> None:
    """Raise ConfigError where a setting names an engine that does not exist. The tree itself knows no engines.

    ``engine.name`` is not looked at: the server starts without it, and says what is wrong with it.
    """
    for key, names in (("engine.beside", settings.engine.beside), ("engine.devices", settings.engine.devices)):
        for name in names:
            if name not in engines:
                raise ConfigError(no_such_engine(settings, key, name, engines), param=key)


def no_such_engine(settings: Settings, key: str, name: str, engines: Collection[str]) -> str:
    """What is wrong with the name of an engine: who says so, the key, which names are near, which there are."""
    label = settings._labels.get(key) or settings._labels.get(f"{key}.{name}")
    near = difflib.get_close_matches(name, engines, n=1, cutoff=0.6)
    hint = f" Did you mean {near[0]}?" if near else ""
    said = f"{label}: {key}" if label else key
    return f"{said}: there is no engine {shortened(name)}.{hint} Engines: {', '.join(engines)}."


def write_user_setting(
    home: Path, key: str, value: object, check: Callable[[Settings], None] = lambda settings: None
) -> None:
    """Set ``key`` in the user's settings.yaml, or reset it with None.

    Nothing is written unless shipped and user's settings are valid together, to ``check`` too; raises ConfigError
    otherwise. The settings in force change when they are loaded again.
    """
    path = user_file(home)
    with _write_lock:
        before, after, settings = _with(path, key, value)
        check(settings)
        write_with_backup(path, _changed(path, before, after))


def check_user_setting(home: Path, key: str, value: object) -> None:
    """Raise ConfigError where ``write_user_setting`` would; nothing is written."""
    _with(user_file(home), key, value)


def _with(path: Path, key: str, value: object) -> tuple[Layer, Layer, Settings]:
    """The user's layer as it is and with the change, and shipped and user's settings together then."""
    before = file_layer(path, "user")
    after = {name: v for name, v in before.items() if name != key and not name.startswith(key + ".")}
    if value is not None:
        after |= layer_of(key, value, "user", str(path))
    return before, after, _validated({**file_layer(SHIPPED, "shipped"), **after})


def _changed(path: Path, before: Layer, after: Layer) -> str:
    """The file's new text: a person's own words in it stay, or are kept beside it where that cannot be."""
    old, new = ({key: entry.value for key, entry in layer.items()} for layer in (before, after))
    there = path.exists()
    for source in (path, backup_of(path)) if there else ():
        with contextlib.suppress(OSError, UnicodeDecodeError):
            # As bytes: what reads text hides how its lines end.
            text = edited(source.read_bytes().decode("utf-8"), old, new, leaves_of)
            if text is not None:
                if source != path:
                    _keep(path, "it cannot be read, and the last good copy of it was changed instead")
                return text
    if there:
        _keep(path, "it was written anew, for only so could it be changed")
    return USER_HEADER + (yaml.safe_dump(unflatten(after), sort_keys=False, allow_unicode=True) if after else "")


def _keep(path: Path, why: str) -> None:
    content = path.read_bytes()
    names = itertools.chain([f"{path.name}.orig"], (f"{path.name}.orig.{n}" for n in itertools.count(2)))
    kept = next(place for place in map(path.with_name, names) if _is_free(place, content))
    write_atomically(kept, content)
    log.warning("%s: %s. As you wrote it, it is kept in %s.", path, why, kept)


def _is_free(place: Path, content: bytes) -> bool:
    """What was kept before is never replaced: it may be all that is left of a person's words."""
    try:
        return place.read_bytes() == content
    except FileNotFoundError:
        return True
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class _Origin:
    home: Path
    arguments: Mapping[str, object]
    environ: Mapping[str, str]


def _home(arguments: Mapping[str, object], environ: Mapping[str, str]) -> Path:
    # The launcher's own rule (boot.home.find_home), here for an environment that is passed in.
    chosen = arguments.get("home") or environ.get("TROUPE_HOME")
    return (
        Path(str(chosen)).expanduser().resolve()
        if chosen
        else default_home(sys.platform, environ, Path.home())
    )


def _validated(layer: Layer) -> Settings:
    try:
        return Settings.model_validate(unflatten(layer))
    except ValidationError as error:
        problems = [_explain(problem, layer) for problem in error.errors()]
        raise ConfigError("\n".join(text for text, _ in problems), param=problems[0][1]) from error


def _explain(problem: Any, layer: Layer) -> tuple[str, str]:
    """One line about one wrong value: source, key, what was expected, what is there."""
    parts = [str(part) for part in problem["loc"]]
    section = ".".join(parts)
    expected = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    while parts and ".".join(parts) not in layer:  # pydantic goes on into lists and unions
        parts.pop()
    key = ".".join(parts)
    if not key:
        return f"{section}: {expected}.", section  # a rule about several settings; its text names them
    found = shortened(layer[key].value)
    return f"{layer[key].label}: {key}: expected {expected}, found {found}.", key
