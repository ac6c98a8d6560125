"""Loads the settings; the only reader of settings files and of the environment.

Later wins: the shipped settings.yaml, the user's in TROUPE_HOME, the environment (``TROUPE_SERVER__PORT``),
the command line.
"""

from __future__ import annotations

import argparse
import difflib
import logging
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, PrivateAttr, ValidationError

from server.boot.home import default_home
from server.errors import ConfigError
from server.files import read_with_backup, write_with_backup
from server.settings_tree import SettingsTree

log = logging.getLogger("troupe.settings")

Source = Literal["shipped", "user", "environment", "command line"]

SHIPPED = Path(__file__).resolve().parent.parent / "settings.yaml"
USER_HEADER = "# Your settings; settings.yaml in Troupe's own folder explains each of them.\n"
NOT_SETTINGS = ("TROUPE_HOME",)
"""Variables of that prefix which say something else."""

OPTIONS = {
    "host": "server.host",
    "port": "server.port",
    "listen": "server.listen",
    "no_key": "server.no_key",
    "i_know_this_is_open": "server.open_network",
    "host_name": "server.host_names",
    "allow_origin": "server.allow_origins",
    "log_level": "server.log_level",
    "engine": "engine.name",
    "device": "engine.device",
}
"""Command-line options (as argparse names them) and the settings they stand for."""

MAPS = ("engine.devices", "engine.options")
"""Settings whose value is a map with free keys."""

_write_lock = threading.Lock()


class Settings(SettingsTree):
    """The settings in force, and where they came from."""

    _origin: _Origin = PrivateAttr()
    _sources: dict[str, Source] = PrivateAttr(default_factory=dict)

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
        _file_layer(SHIPPED, "shipped"),
        _file_layer(user_file(home), "user"),
        _environment_layer(environment),
        _command_line_layer(given),
    ]
    values = {key: value for layer in layers for key, value in layer.items()}
    settings = _validated(values)
    settings._origin = _Origin(home, given, environment)
    settings._sources = {key: value.source for key, value in values.items()}
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
                near = difflib.get_close_matches(name, engines, n=1, cutoff=0.6)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise ConfigError(
                    f"{key}: there is no engine {_short(name)}.{hint} Engines: {', '.join(engines)}.", param=key
                )


def write_user_setting(
    home: Path, key: str, value: object, check: Callable[[Settings], None] = lambda settings: None
) -> None:
    """Set ``key`` in the user's settings.yaml, or reset it with None.

    Nothing is written unless shipped and user's settings are valid together, to ``check`` too; raises ConfigError
    otherwise. The settings in force change when they are loaded again.
    """
    path = user_file(home)
    with _write_lock:
        layer = _file_layer(path, "user")
        layer = {name: v for name, v in layer.items() if name != key and not name.startswith(key + ".")}
        if value is not None:
            for name, leaf in _flatten(_nested(key, value), str(path)):
                layer[name] = _Value(leaf, "user", str(path))
        check(_validated({**_file_layer(SHIPPED, "shipped"), **layer}))
        text = yaml.safe_dump(_unflatten(layer), sort_keys=False, allow_unicode=True) if layer else ""
        write_with_backup(path, USER_HEADER + text)


@dataclass(frozen=True, slots=True)
class _Origin:
    home: Path
    arguments: Mapping[str, object]
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Value:
    value: object
    source: Source
    label: str
    """What a person calls the source: a file's path, ``TROUPE_SERVER__PORT``, ``--port``."""


_Layer = dict[str, _Value]


def _home(arguments: Mapping[str, object], environ: Mapping[str, str]) -> Path:
    # The launcher's own rule (boot.home.find_home), here for an environment that is passed in.
    chosen = arguments.get("home") or environ.get("TROUPE_HOME")
    return (
        Path(str(chosen)).expanduser().resolve()
        if chosen
        else default_home(sys.platform, environ, Path.home())
    )


def _file_layer(path: Path, source: Source) -> _Layer:
    def damaged(error: Exception) -> None:
        log.warning(
            "%s cannot be read (%s); using the last good copy of it.", path, " ".join(str(error).split())
        )

    try:
        content = (
            read_with_backup(path, _parse, damaged) if source == "user" else _parse(path.read_text("utf-8"))
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return {key: _Value(value, source, str(path)) for key, value in _flatten(content or {}, str(path))}


def _parse(text: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError(f"expected settings such as 'server:', found {_short(content)}")
    return content


def _environment_layer(environ: Mapping[str, str]) -> _Layer:
    layer: _Layer = {}
    for name, text in environ.items():
        if not name.startswith("TROUPE_") or name in NOT_SETTINGS:
            continue
        value: object = text
        if text[:1] in ("[", "{"):
            try:
                value = yaml.safe_load(text)
            except yaml.YAMLError as error:
                raise ConfigError(f"Environment variable {name} cannot be read: {error}") from error
        key = name.removeprefix("TROUPE_").lower().replace("__", ".")
        label = f"Environment variable {name}"
        _refuse_unknown(key, label, lambda known: f"TROUPE_{known.replace('.', '__').upper()}")
        for leaf, leaf_value in _flatten(_nested(key, value), label):
            layer[leaf] = _Value(leaf_value, "environment", label)
    return layer


def _command_line_layer(arguments: Mapping[str, object]) -> _Layer:
    # None, False and [] are how argparse says "not given": no option switches something off.
    return {
        OPTIONS[name]: _Value(value, "command line", "--" + name.replace("_", "-"))
        for name, value in arguments.items()
        if name in OPTIONS and value is not None and value is not False and value != []
    }


def _flatten(
    content: Mapping[Any, Any], label: str, model: type[BaseModel] | None = SettingsTree, prefix: str = ""
) -> Iterator[tuple[str, object]]:
    """Leaves by dotted key; ``model`` is None inside a map, whose keys are free."""
    for name, value in content.items():
        key = f"{prefix}{name}"
        kind: Any = None
        if model is not None:
            _refuse_unknown(key, label)
            kind = model.model_fields[str(name)].annotation
        section = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
        if section is not None and value is None:
            continue  # a section whose settings are all commented out
        if section is not None and not isinstance(value, Mapping):
            raise ConfigError(f"{label}: {key} is a group of settings, found {_short(value)}.", param=key)
        if isinstance(value, Mapping) and (section is not None or _in_map(key)):
            yield from _flatten(value, label, section, key + ".")
        else:
            yield key, value


def _refuse_unknown(key: str, label: str, spell: Any = str) -> None:
    known = [*_known_keys(SettingsTree)]
    if key in known or _in_map(key):
        return
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.6) or [
        n for n in known if n.endswith("." + key)
    ]
    hint = f" Did you mean {spell(near[0])}?" if near else ""
    raise ConfigError(f"{label}: there is no setting {key}.{hint}", param=key)


def _in_map(key: str) -> bool:
    return any(key == name or key.startswith(name + ".") for name in MAPS)


def _known_keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield prefix + name
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            yield from _known_keys(info.annotation, f"{prefix}{name}.")


def _nested(key: str, value: object) -> dict[str, Any]:
    for name in reversed(key.split(".")):
        value = {name: value}
    assert isinstance(value, dict)
    return value


def _unflatten(layer: _Layer) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, entry in layer.items():
        *parents, name = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = entry.value
    return tree


def _validated(layer: _Layer) -> Settings:
    try:
        return Settings.model_validate(_unflatten(layer))
    except ValidationError as error:
        problems = [_explain(problem, layer) for problem in error.errors()]
        raise ConfigError("\n".join(text for text, _ in problems), param=problems[0][1]) from error


def _explain(problem: Any, layer: _Layer) -> tuple[str, str]:
    """One line about one wrong value: source, key, what was expected, what is there."""
    parts = [str(part) for part in problem["loc"]]
    section = ".".join(parts)
    expected = problem["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    while parts and ".".join(parts) not in layer:  # pydantic goes on into lists and unions
        parts.pop()
    key = ".".join(parts)
    if not key:
        return f"{section}: {expected}.", section  # a rule about several settings; its text names them
    found = _short(layer[key].value)
    return f"{layer[key].label}: {key}: expected {expected}, found {found}.", key


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
