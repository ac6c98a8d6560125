"""Settings by dotted key, each with its source, as they lie in a file, in variables and on the command line."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel

from server.errors import ConfigError
from server.files import read_with_backup
from server.settings_tree import SettingsTree

log = logging.getLogger("troupe.settings")

Source = Literal["shipped", "user", "environment", "command line"]

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


@dataclass(frozen=True, slots=True)
class Value:
    """One setting's value, and who says so."""

    value: object
    source: Source
    label: str
    """What a person calls the source: a file's path, ``TROUPE_SERVER__PORT``, ``--port``."""


Layer = dict[str, Value]


def file_layer(path: Path, source: Source) -> Layer:
    """What a settings file says; a damaged one of the user's is replaced by its last good copy."""

    def damaged(error: Exception) -> None:
        cause = error.__cause__
        mark = getattr(cause, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark else "it"
        why = getattr(cause, "problem", None) or " ".join(str(error).split())
        log.warning("%s cannot be read: %s%s.", path, f"{line}: " if mark else "", why)
        log.warning("What was changed in it is NOT in force until %s is mended: using the last good copy.", line)

    try:
        content = (
            read_with_backup(path, _parse, damaged) if source == "user" else _parse(path.read_text("utf-8"))
        )
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return {key: Value(value, source, str(path)) for key, value in _flatten(content or {}, str(path))}


def leaves_of(text: str) -> dict[str, object]:
    """What the text of a settings file says, by dotted key; ValueError where it is none."""
    try:
        return dict(_flatten(_parse(text), "text"))
    except ConfigError as error:
        raise ValueError(error.message) from error


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """What variables say: ``TROUPE_SERVER__PORT``; lists and maps are written as YAML."""
    layer: Layer = {}
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
        layer |= layer_of(key, value, "environment", label)
    return layer


def command_line_layer(arguments: Mapping[str, object]) -> Layer:
    """What options say."""
    # None, False and [] are how argparse says "not given": no option switches something off.
    return {
        OPTIONS[name]: Value(value, "command line", "--" + name.replace("_", "-"))
        for name, value in arguments.items()
        if name in OPTIONS and value is not None and value is not False and value != []
    }


def layer_of(key: str, value: object, source: Source, label: str) -> Layer:
    """One setting, or a group or map of them, as a layer."""
    return {leaf: Value(own, source, label) for leaf, own in _flatten(_nested(key, value), label)}


def unflatten(layer: Layer) -> dict[str, Any]:
    """The tree that a layer's keys stand for."""
    tree: dict[str, Any] = {}
    for key, entry in layer.items():
        *parents, name = key.split(".")
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[name] = entry.value
    return tree


def shortened(value: object) -> str:
    """A value as a message shows it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _parse(text: str) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError(f"expected settings such as 'server:', found {shortened(content)}")
    return content


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
            raise ConfigError(f"{label}: {key} is a group of settings, found {shortened(value)}.", param=key)
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
