"""Settings: the order of the sources, refusals that name the mistake, and YAML equal to the model."""

from __future__ import annotations

import argparse
import logging
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import yaml
from pydantic import ValidationError

from server.errors import ConfigError
from server.live import LiveSettings
from server.settings import (
    SHIPPED,
    load_settings,
    no_such_engine,
    refuse_unknown_engines,
    user_file,
    where,
    write_user_setting,
)
from server.settings_tree import SettingsTree, TextSettings, setting_fields
from server.text.options import TextOptions

pytestmark = pytest.mark.unit


def load(home: Path, user: str = "", environ: dict[str, str] | None = None, **arguments: object):
    if user:
        user_file(home).write_text(user, encoding="utf-8")
    return load_settings(arguments, environ or {}, home)


def leaves(tree: dict, prefix: str = ""):
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def test_the_shipped_file_holds_every_setting_with_its_default():
    shipped = dict(leaves(yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))))
    assert list(shipped) == [field.key for field in setting_fields()], "same settings, same order"
    for field in setting_fields():
        value = shipped[field.key]
        assert (tuple(value) if isinstance(value, list) else value) == field.default, field.key


def test_every_setting_is_explained_and_bounded():
    for field in setting_fields():
        assert 10 < len(field.description) < 100, field.key
        if field.kind in ("int", "float"):
            assert field.low is not None, field.key
            assert field.high is not None, field.key
            assert field.low <= field.default <= field.high, field.key
        if field.kind == "choice":
            assert field.default in field.choices


def test_every_setting_in_the_shipped_file_has_a_comment_above():
    lines = SHIPPED.read_text(encoding="utf-8").splitlines()
    previous_commented = False
    pairs = {"narrator_pitch", "restart_max_seconds"}  # explained together with the line before
    for line in lines:
        bare = line.strip()
        if bare.startswith("#"):
            previous_commented = True
        elif bare:
            assert previous_commented or bare.split(":")[0] in pairs, line
            previous_commented = False


def test_the_text_section_has_every_switch_of_the_pipeline():
    of_request = {"language", "markup"}
    switches = {f.name: f.default for f in fields(TextOptions) if f.name not in of_request}
    assert TextSettings().model_dump() == switches
    for field in setting_fields(TextSettings):
        accepted = get_type_hints(TextOptions)[field.key]
        assert field.choices == get_args(accepted), field.key


def test_later_sources_win(tmp_path):
    assert load(tmp_path).server.port == 7851
    assert load(tmp_path, "server: {port: 1001}").server.port == 1001
    assert load(tmp_path, environ={"TROUPE_SERVER__PORT": "1002"}).server.port == 1002
    settings = load(tmp_path, environ={"TROUPE_SERVER__PORT": "1002"}, port=1003)
    assert settings.server.port == 1003
    assert where(settings, "server.port") == "command line"


def test_where_names_the_source_of_each(tmp_path):
    settings = load(
        tmp_path, "engine: {name: piper}\nlanguage: de", {"TROUPE_AUDIO__KEEP_MB": "99"}, device="cpu"
    )
    assert where(settings, "engine.name") == "user"
    assert where(settings, "language") == "user"
    assert where(settings, "audio.keep_mb") == "environment"
    assert where(settings, "engine.device") == "command line"
    assert where(settings, "engine.threads") == "shipped"
    assert where(settings, "engine.options") == "shipped"


def test_options_that_were_not_given_change_nothing(tmp_path):
    arguments = argparse.Namespace(
        host=None,
        port=None,
        listen=False,
        no_key=False,
        host_name=[],
        host_owned=True,
        command="serve",
        home=None,
    )
    user_file(tmp_path).write_text("server: {listen: true, host_names: [a.example]}", encoding="utf-8")
    settings = load_settings(arguments, {}, tmp_path)
    assert settings.server.listen
    assert settings.server.host_names == ("a.example",)


def test_home_is_argument_then_environment(tmp_path):
    asked, inherited = tmp_path / "asked", tmp_path / "inherited"
    assert load_settings({"home": str(asked)}, {"TROUPE_HOME": str(inherited)}).home == asked
    assert load_settings({}, {"TROUPE_HOME": str(inherited)}).home == inherited


VARIABLES = [
    (
        "SERVER__HOST_NAMES",
        "a.example, b.example",
        lambda s: s.server.host_names == ("a.example", "b.example"),
    ),
    ("SERVER__HOST_NAMES", "[a.example]", lambda s: s.server.host_names == ("a.example",)),
    ("LANGUAGE", "pt-br", lambda s: s.language == "pt-br"),
    ("SERVER__REQUIRE_KEY", "true", lambda s: s.server.require_key),
    (
        "ENGINE__OPTIONS",
        "{kokoro: {a: int8, b: 2}}",
        lambda s: s.engine.options["kokoro"] == {"a": "int8", "b": 2},
    ),
    ("ENGINE__OPTIONS__KOKORO__A", "int8", lambda s: s.engine.options["kokoro"] == {"a": "int8"}),
    ("NARRATION__VOICE", "7", lambda s: s.narration.voice == "7"),
]


@pytest.mark.parametrize(("name", "text", "read"), VARIABLES)
def test_environment_values(tmp_path, name, text, read):
    settings = load(tmp_path, environ={f"TROUPE_{name}": text, "PATH": "/bin", "TROUPE_HOME": str(tmp_path)})
    assert read(settings)


def test_options_of_engines_add_up(tmp_path):
    settings = load(
        tmp_path,
        "engine: {options: {kokoro: {a: 1}, piper: {b: true}}}",
        {"TROUPE_ENGINE__OPTIONS__KOKORO__C": "x"},
    )
    assert settings.engine.options == {"kokoro": {"a": 1, "c": "x"}, "piper": {"b": True}}
    assert where(settings, "engine.options") == "environment"


REFUSED = [
    # user's file, the words a person needs
    ("server: {port: 70000}", ["settings.yaml", "server.port", "less than or equal to 65535", "70000"]),
    ("server: {port: many}", ["server.port", "valid integer", "'many'"]),
    ("server: {prot: 1}", ["no setting server.prot", "Did you mean server.port?"]),
    ("servre: {port: 1}", ["no setting servre", "Did you mean server?"]),
    ("port: 7000", ["no setting port", "Did you mean server.port?"]),
    ("server: 7000", ["server is a group of settings", "7000"]),
    ("server: {port: {a: 1}}", ["server.port", "valid integer"]),
    ("openai: {default_format: m4a}", ["openai.default_format", "'mp3'", "'m4a'"]),
    ("openai: {max_input: 50001}", ["openai.max_input", "50000", "50001"]),
    ("language: english please", ["language", "match pattern", "english please"]),
    ("engine: {device: cuda:x}", ["engine.device", "cuda:x"]),
    ("server: {host: 0.0.0.0}", ["0.0.0.0", "--listen"]),
    ("server: {listen: true, no_key: true}", ["--no-key", "--i-know-this-is-open"]),
    ("server: {require_key: true, no_key: true}", ["require_key and no_key"]),
    ("engine: {options: {kokoro: [1]}}", ["engine.options.kokoro", "dictionary"]),
    ("engine: {options: {kokoro: {a: [1]}}}", ["engine.options.kokoro.a", "[1]"]),
    ("- a list", ["settings.yaml", "['a list']"]),
    ("server: {port: [", ["settings.yaml", "cannot be read"]),
]


@pytest.mark.parametrize(("user", "words"), REFUSED, ids=[user for user, _ in REFUSED])
def test_refusals_name_the_mistake(tmp_path, user, words):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, user)
    for word in words:
        assert word in caught.value.message


def test_all_mistakes_are_told_at_once(tmp_path):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "server: {port: -1}", {"TROUPE_AUDIO__KEEP_MB": "1"}, log_level="loud")
    lines = caught.value.message.splitlines()
    assert len(lines) == 3
    assert (
        lines[0].startswith("--log-level: server.log_level: expected 'debug'") or "settings.yaml" in lines[0]
    )
    assert any(line.startswith("Environment variable TROUPE_AUDIO__KEEP_MB: audio.keep_mb") for line in lines)


def test_unknown_variables_are_named_with_the_right_spelling(tmp_path):
    with pytest.raises(ConfigError, match="TROUPE_SERVER__PORT"):
        load(tmp_path, environ={"TROUPE_SERVER_PORT": "1"})
    with pytest.raises(ConfigError, match="TROUPE_ENGINE__OPTIONS cannot be read"):
        load(tmp_path, environ={"TROUPE_ENGINE__OPTIONS": "{a: "})


def test_settings_are_frozen_and_a_section_may_be_empty(tmp_path):
    settings = load(tmp_path, "server:\n  # port: 1\n")
    with pytest.raises(ValidationError):
        settings.server.port = 1
    assert SettingsTree().model_dump() == settings.model_dump()


@pytest.mark.parametrize(
    ("arguments", "bind", "wants_key"),
    [
        ({}, "127.0.0.1", False),
        ({"listen": True}, "0.0.0.0", True),
        ({"listen": True, "host": "192.168.1.5"}, "192.168.1.5", True),
        ({"listen": True, "no_key": True, "i_know_this_is_open": True}, "0.0.0.0", False),
        ({"host": "::1"}, "::1", False),
        ({"host": "localhost"}, "localhost", False),
    ],
)
def test_binding_and_key(tmp_path, arguments, bind, wants_key):
    server = load(tmp_path, **arguments).server
    assert (server.bind_host, server.wants_key) == (bind, wants_key)
    assert load(tmp_path, "server: {require_key: true}").server.wants_key


def test_the_user_s_file_is_written_validated_and_reset(tmp_path):
    write_user_setting(tmp_path, "openai.default_format", "wav")
    write_user_setting(tmp_path, "engine.options.kokoro", {"precision": "int8"})
    write_user_setting(tmp_path, "server.host_names", ["a.example"])
    before = load(tmp_path)
    assert before.openai.default_format == "wav"
    assert where(before, "openai.default_format") == "user"
    assert before.engine.options == {"kokoro": {"precision": "int8"}}

    for key, value in [("openai.default_format", "m4a"), ("openai.format", "wav"), ("server.no_key", [])]:
        content = user_file(tmp_path).read_bytes()
        with pytest.raises(ConfigError):
            write_user_setting(tmp_path, key, value)
        assert user_file(tmp_path).read_bytes() == content

    write_user_setting(tmp_path, "openai.default_format", None)
    write_user_setting(tmp_path, "engine.options", None)
    after = before.reloaded()
    assert after.openai.default_format == "mp3"
    assert after.engine.options == {}
    assert after.server.host_names == ("a.example",)


def test_a_damaged_file_gives_way_to_the_last_good_copy(tmp_path, caplog):
    write_user_setting(tmp_path, "server.port", 1234)
    user_file(tmp_path).write_bytes(b"\xff\x00 half a wri")
    with caplog.at_level(logging.WARNING):
        assert load(tmp_path).server.port == 1234
    assert "last good copy" in caplog.text


def test_a_hand_edited_good_file_becomes_the_last_good_copy(tmp_path, caplog):
    assert load(tmp_path, "server: {port: 4321}").server.port == 4321
    user_file(tmp_path).write_text("server: {port: [", encoding="utf-8")
    assert load(tmp_path).server.port == 4321
    assert "using the last good copy" in caplog.text


def test_a_damaged_file_is_told_with_its_line_and_that_it_is_not_in_force(tmp_path, caplog):
    load(tmp_path, "server:\n  port: 4321\n")
    user_file(tmp_path).write_text("server:\n  port: 1\n  host: 'half\nengine: {}\n", encoding="utf-8")
    assert load(tmp_path).server.port == 4321
    first, second = caplog.messages
    assert first.startswith(f"{user_file(tmp_path)} cannot be read: line ")
    assert "NOT in force until line " in second
    assert not any("\n" in message or len(message) > 200 for message in caplog.messages)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("engine: {devices: {xtts: gpu}}", ["engine.devices.xtts", "auto|cpu|mps|cuda", "gpu"]),
        ("engine: {devices: cuda}", ["engine.devices", "cuda"]),
        ("rvc: {device: gpu}", ["rvc.device", "auto|cpu|mps|cuda", "gpu"]),
        ("rvc: {memory_gb: -1}", ["rvc.memory_gb", "-1"]),
    ],
)
def test_a_device_that_does_not_exist_is_refused_with_its_engine(tmp_path, text, words):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    for word in words:
        assert word in caught.value.message


def test_an_engine_has_its_own_device_or_that_of_all(tmp_path):
    engine = load(tmp_path, 'engine: {device: cuda, devices: {xtts: "cuda:1", piper: cpu}}').engine
    assert [engine.device_of(name) for name in ("xtts", "piper", "kokoro")] == ["cuda:1", "cpu", "cuda"]


@pytest.mark.parametrize("text", ["engine: {devices: {xtt: cpu}}", "engine: {beside: [xtt]}"])
def test_engines_that_do_not_exist_are_refused_where_the_engines_are_known(tmp_path, text):
    settings = load(tmp_path, text)
    with pytest.raises(ConfigError, match=r"no engine 'xtt'\. Did you mean xtts\? Engines: kokoro, xtts\."):
        refuse_unknown_engines(settings, ("kokoro", "xtts"))
    refuse_unknown_engines(settings, ("kokoro", "xtt"))


def test_an_engine_that_does_not_exist_is_told_with_its_file_and_key(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("engine: {name: kokorro, devices: {pipper: cpu}}\n")
    settings = load(tmp_path)
    names = ("kokoro", "piper")
    assert no_such_engine(settings, "engine.name", "kokorro", names) == (
        f"{tmp_path / 'settings.yaml'}: engine.name: there is no engine 'kokorro'. Did you mean kokoro? "
        "Engines: kokoro, piper."
    )
    with pytest.raises(ConfigError) as refused:
        refuse_unknown_engines(settings, names)
    assert refused.value.message.startswith(f"{user_file(tmp_path)}: engine.devices: there is no engine 'pipper'.")


def test_what_a_running_server_may_not_be_set_to_is_not_written(tmp_path):
    live = LiveSettings(load(tmp_path), lambda settings: refuse_unknown_engines(settings, ("tone",)))
    with pytest.raises(ConfigError, match="no engine 'xtts'"):
        live.change("engine.devices.xtts", "cpu")
    assert not user_file(tmp_path).exists()
    live.change("engine.devices.tone", "cpu")
    assert live.now.engine.devices == {"tone": "cpu"}
    user_file(tmp_path).write_text("engine: {beside: [xtts]}", encoding="utf-8")
    with pytest.raises(ConfigError):
        live.reload()
    assert live.now.engine.devices == {"tone": "cpu"}
