"""A change from the studio leaves a hand-written settings.yaml as its writer knows it."""

from __future__ import annotations

import itertools
import logging
import random
from pathlib import Path

import pytest
import yaml

from server.boot.home import made_by_troupe
from server.files import backup_of
from server.settings import SHIPPED, load_settings, user_file, where, write_user_setting
from server.settings_edit import edited
from server.settings_layers import leaves_of
from server.settings_tree import setting_fields

pytestmark = pytest.mark.unit

MINE = """\
# my notes: do not remove

server:  # at home
  # port for the tablet
  port: 7900   # and not 7851

  host_names:
    - a.example  # the old one
    - b.example

# who speaks
engine:
    options: {kokoro: {precision: int8}, piper: {speaker: 1}}  # see the studio
    # device: cuda
language: "en"
# the end
"""

CHANGES = [
    # key, value, what was there, what stands there now
    ("server.port", 7901, "port: 7900   # and", "port: 7901   # and"),
    ("language", "de", 'language: "en"\n', "language: de\n"),
    ("server.log_level", "debug", "    - b.example\n", "    - b.example\n  log_level: debug\n"),
    ("openai.max_input", 50, 'language: "en"\n', 'language: "en"\nopenai:\n  max_input: 50\n'),
    ("engine.device", "cpu", "the studio\n", "the studio\n    device: cpu\n"),
    (
        "server.host_names",
        ["c.example"],
        "  host_names:\n    - a.example  # the old one\n    - b.example\n",
        "  host_names:\n    - c.example  # the old one\n",
    ),
    (
        "server.host_names",
        ["a.example", "b.example", "c.example"],
        "    - b.example\n",
        "    - b.example\n    - c.example\n",
    ),
    ("server.host_names", ["b.example"], "    - a.example  # the old one\n", ""),
    ("server.host_names", None, "  host_names:\n    - a.example  # the old one\n    - b.example\n", ""),
    ("engine.options.kokoro", {"precision": "fp32"}, "{precision: int8}", "{precision: fp32}"),
    ("engine.options.kokoro", {"a": True}, "{precision: int8}", "{a: true}"),
    ("engine.options.tone", {"a": "x, y"}, "{speaker: 1}}", "{speaker: 1}, tone: {a: 'x, y'}}"),
    ("engine.options.piper", None, ", piper: {speaker: 1}", ""),
    ("engine.options.kokoro", None, "kokoro: {precision: int8}, ", ""),
    ("engine.options", None, "    options: {kokoro: {precision: int8}, piper: {speaker: 1}}  # see the studio\n", ""),
    ("server.port", None, "  port: 7900   # and not 7851\n", ""),
    ("language", None, 'language: "en"\n', ""),
]


@pytest.mark.parametrize(("key", "value", "was", "now"), CHANGES, ids=[f"{c[0]}={c[1]}" for c in CHANGES])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_only_the_setting_changes(tmp_path, key, value, was, now, newline):
    assert MINE.count(was) == 1
    path = user_file(tmp_path)
    path.write_bytes(MINE.replace("\n", newline).encode())
    write_user_setting(tmp_path, key, value)
    assert path.read_bytes().decode() == MINE.replace(was, now).replace("\n", newline)
    assert path.read_bytes() == backup_of(path).read_bytes()
    assert not orig(tmp_path).exists()


def orig(home: Path) -> Path:
    return home / "settings.yaml.orig"


OTHERS = [
    # what was there, key, value, what stands there now
    ("# all of it\n# later\n", "language", "de", "# all of it\n# later\nlanguage: de\n"),
    ("server:\n  # port: 1\n", "server.port", 7900, "server:\n  port: 7900\n  # port: 1\n"),
    ("server: {}  # none\n", "server.port", 7900, "server: {port: 7900}  # none\n"),
    ("server: ~ # none\n", "server.port", 7900, "server: {port: 7900} # none\n"),
    ("{server: {port: 1}}\n", "language", "de", "{server: {port: 1}, language: de}\n"),
    ("server: {\n  port: 1,  # a\n}\n", "server.host", "::1", "server: {\n  port: 1, host: '::1',  # a\n}\n"),
    ("server:\n  port: 1 # no end of line", "server.queue", 3, "server:\n  port: 1 # no end of line\n  queue: 3\n"),
    ("\ufeffserver:\n  port: 1\n", "server.port", None, "\ufeff"),
    ("\ufefflanguage: de\n# x\n", "language", None, "\ufeff# x\n"),
    ("---\nlanguage: de\n", "language", "en", "---\nlanguage: en\n"),
    ("server:\n  port: 1\n...\n# x\n", "language", "de", "server:\n  port: 1\nlanguage: de\n...\n# x\n"),
    ("'language': de\n", "language", "en", "'language': en\n"),
    ("engine:\n  options:\n    kokoro:\n      a: 1 # x\n", "engine.options", None, ""),
    ("server:\n  host_names: []\n# x\n", "server.host_names", ["a.b"], "server:\n  host_names: [a.b]\n# x\n"),
    ("# x\n", "engine.options.a.b", 1, "# x\nengine:\n  options:\n    a:\n      b: 1\n"),
    ("# x\nlanguage: de\n", "language", None, "# x\n"),
    ("language: >-  # why\n  de\n\n# x\n", "language", "en", "language: en  # why\n\n# x\n"),
    ("language:\n  de  # why\n", "language", "en", "language: en  # why\n"),
    ("language:  # why\n  de\n", "language", "en", "language: en  # why\n"),
    ("server:\n  host_names:\n  - a\n  - b # x", "server.host_names", ["b"], "server:\n  host_names:\n  - b # x"),
    ("server:\n  host_names:\n  - 'a # b'\n", "server.host_names", ["c"], "server:\n  host_names:\n  - c\n"),
]


@pytest.mark.parametrize(("text", "key", "value", "now"), OTHERS, ids=[repr(case[0]) for case in OTHERS])
def test_other_ways_to_write_it(tmp_path, text, key, value, now):
    user_file(tmp_path).write_bytes(text.encode())
    write_user_setting(tmp_path, key, value)
    assert user_file(tmp_path).read_bytes().decode() == now
    assert not orig(tmp_path).exists()


LIST = """\
server:
  host_names:  # my names
    # at home
    - a  # laptop
    # on the road
    - b  # phone
    - c
    # no more
  port: 1  # mine
"""

ENTRIES = [
    # the new list, its text from the key on to the last comment
    (["a", "b", "c", "d"], "# at home|- a  # laptop|# on the road|- b  # phone|- c|- d|# no more"),
    (["d", "a", "b", "c"], "- d|# at home|- a  # laptop|# on the road|- b  # phone|- c|# no more"),
    (["a", "d", "e", "b", "c"], "# at home|- a  # laptop|- d|- e|# on the road|- b  # phone|- c|# no more"),
    (["a", "c"], "# at home|- a  # laptop|# on the road|- c|# no more"),
    (["x", "b", "c"], "# at home|- x  # laptop|# on the road|- b  # phone|- c|# no more"),
    (["x", "y"], "# at home|- x  # laptop|# on the road|- y  # phone|# no more"),
    (["b", "c", "a"], "# at home|# on the road|- b  # phone|- c|- a  # laptop|# no more"),
    (["c", "x", "a"], "- c|- x|# at home|- a  # laptop|# on the road|# no more"),
    (["c"], "# at home|# on the road|- c|# no more"),
]


@pytest.mark.parametrize(("names", "lines"), ENTRIES, ids=[" ".join(case[0]) for case in ENTRIES])
@pytest.mark.parametrize("indent", ["    ", "  "])
def test_an_entry_of_a_list_keeps_its_comment(tmp_path, names, lines, indent):
    user_file(tmp_path).write_text(LIST.replace("\n    ", "\n" + indent))
    write_user_setting(tmp_path, "server.host_names", names)
    expected = ["server:", "  host_names:  # my names", *(indent + line for line in lines.split("|"))]
    assert user_file(tmp_path).read_text().splitlines() == [*expected, "  port: 1  # mine"]
    assert not orig(tmp_path).exists()


BRACKETS = [
    (["a", "b", "c"], "[a,  # laptop\n    b, c]  # mine"),
    (["a", "x"], "[a,  # laptop\n    x]  # mine"),
    (["x", "a", "b"], "[x, a,  # laptop\n    b]  # mine"),
    (["a"], "[a,  # laptop\n    ]  # mine"),
    (["b"], "[b]  # mine"),
    (["b", "a"], "[b, a,  # laptop\n    ]  # mine"),
]


@pytest.mark.parametrize(("names", "now"), BRACKETS, ids=[" ".join(case[0]) for case in BRACKETS])
def test_comments_between_brackets_stay_too(tmp_path, names, now):
    user_file(tmp_path).write_text("server:\n  host_names: [a,  # laptop\n    b]  # mine\n")
    write_user_setting(tmp_path, "server.host_names", names)
    assert user_file(tmp_path).read_text() == f"server:\n  host_names: {now}\n"
    assert not orig(tmp_path).exists()


@pytest.mark.parametrize(
    ("names", "first"), [([], "  host_names: []  # my names\n"), (None, "")], ids=["no names", "reset"]
)
def test_of_a_list_that_goes_the_comments_with_lines_of_their_own_stay(tmp_path, names, first):
    user_file(tmp_path).write_text(LIST)
    write_user_setting(tmp_path, "server.host_names", names)
    rest = "    # at home\n    # on the road\n    # no more\n  port: 1  # mine\n"
    assert user_file(tmp_path).read_text() == f"server:\n{first}{rest}"
    assert not orig(tmp_path).exists()


GROUPS = [
    # what was there, the setting that is reset, what stands there now
    ("# a\nserver:\n  port: 1  # gone\n\n# b\nlanguage: de\n", "server.port", "# a\n\n# b\nlanguage: de\n"),
    ("server:\n  port: 1\n  queue: 2\n", "server.port", "server:\n  queue: 2\n"),
    ("server:  # at home\n  port: 1\n", "server.port", "server:  # at home\n"),
    ("server:\n  # tablet\n  port: 1\n", "server.port", "server:\n  # tablet\n"),
    ("server:\n# tablet\n  port: 1\n", "server.port", "# tablet\n"),
    ("server:\n  port: 1\n  # queue: 3\nlanguage: de\n", "server.port", "server:\n  # queue: 3\nlanguage: de\n"),
    ("engine:\n  options:\n    a:\n      b: 1\n  # device: cpu\n", "engine.options", "engine:\n  # device: cpu\n"),
    ("server: {port: 1, # a\n  queue: 3} # b\n", "server.queue", "server: {port: 1, # a\n  } # b\n"),
    ("server: {\n  port: 1,  # gone\n}\n# x\n", "server.port", "# x\n"),
]


@pytest.mark.parametrize(("text", "key", "now"), GROUPS, ids=[repr(case[0]) for case in GROUPS])
def test_a_group_goes_with_its_last_setting_unless_it_holds_a_persons_words(tmp_path, text, key, now):
    user_file(tmp_path).write_text(text)
    write_user_setting(tmp_path, key, None)
    assert user_file(tmp_path).read_text() == now
    assert not orig(tmp_path).exists()


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("rvc: {index_rate: &half 0.5, protect: *half} # a\n", "rvc.index_rate", 0.25),
        ("server: {port: 1} # a\nserver: {port: 2}\n", "server.port", None),
        ("server:\n  host_names: [\n    a,  # laptop\n    b, c]\n", "server.host_names", ["b", "c", "a"]),
        ("server:\n  host_names: [\n    a,  # laptop\n    # and\n    b]\n", "server.host_names", ["b"]),
        ("language:  # why\n  de  # here\n", "language", "en"),
    ],
)
def test_what_cannot_be_changed_in_place_is_kept_beside(tmp_path, text, key, value, caplog):
    user_file(tmp_path).write_text(text)
    before = load_settings({}, {}, tmp_path)
    with caplog.at_level(logging.WARNING):
        write_user_setting(tmp_path, key, value)
    assert orig(tmp_path).read_text() == text
    assert str(orig(tmp_path)) in caplog.text
    after = load_settings({}, {}, tmp_path)
    changed = [field.key for field in setting_fields() if read(before, field.key) != read(after, field.key)]
    assert changed == [key]
    if value is None:
        assert where(after, key) == "shipped"
    else:
        assert read(after, key) == (tuple(value) if isinstance(value, list) else value)


def read(settings, key):
    for name in key.split("."):
        settings = getattr(settings, name)
    return settings


def test_a_damaged_file_is_kept_and_its_last_good_copy_changed(tmp_path, caplog):
    path = user_file(tmp_path)
    path.write_text(MINE)
    load_settings({}, {}, tmp_path)
    path.write_text(MINE + "server: [")
    write_user_setting(tmp_path, "language", "de")
    assert path.read_text() == MINE.replace('"en"', "de")
    assert orig(tmp_path).read_text() == MINE + "server: ["
    assert str(orig(tmp_path)) in caplog.text


def test_what_was_kept_once_is_never_replaced(tmp_path, caplog):
    path = user_file(tmp_path)
    own = "# mine\nrvc: {index_rate: &half 0.5, protect: *half}\n"
    path.write_text(own)
    write_user_setting(tmp_path, "rvc.index_rate", 0.25)
    damaged = path.read_text() + "server: ["
    path.write_text(damaged)
    write_user_setting(tmp_path, "server.queue", 9)
    second = path.with_name("settings.yaml.orig.2")
    assert (orig(tmp_path).read_text(), second.read_text()) == (own, damaged)
    assert str(second) in caplog.text
    path.write_text(damaged)  # the same once more needs no third
    write_user_setting(tmp_path, "server.queue", 8)
    assert not path.with_name("settings.yaml.orig.3").exists()
    assert [made for made in tmp_path.iterdir() if not made_by_troupe(made)] == []


def test_a_file_that_was_removed_stays_removed(tmp_path):
    write_user_setting(tmp_path, "server.port", 7900)
    user_file(tmp_path).unlink()
    write_user_setting(tmp_path, "language", "de")
    assert leaves_of(user_file(tmp_path).read_text()) == {"language": "de"}


def test_a_copy_of_the_shipped_file_takes_any_change_and_gives_it_back(tmp_path):
    shipped = SHIPPED.read_text(encoding="utf-8")
    before = leaves_of(shipped)
    for key, value in [*before.items()][::6]:
        changed = edited(shipped, before, {**before, key: ["x", "y: z", "#"]}, leaves_of)
        assert changed is not None, key
        assert [line for line in changed.splitlines() if "#" in line and "y: z" not in line] == [
            line for line in shipped.splitlines() if "#" in line
        ], key
        again = edited(changed, leaves_of(changed), before, leaves_of)
        assert yaml.safe_load(again or "") == yaml.safe_load(shipped), (key, value)
        less = {name: other for name, other in before.items() if name != key}
        removed = edited(shipped, before, less, leaves_of)
        assert removed is not None, key
        assert len(removed.splitlines()) == len(shipped.splitlines()) - 1, key


def test_whatever_is_changed_the_result_says_just_that():
    """Many changes in a row, at random but the same each time."""
    chance = random.Random(7)
    values = {
        "server.port": [1, 7900],
        "server.host_names": [[], ["a"], ["a", "b"]],
        "language": ["de", "en", "yes", "1", "a: b #c", "ä\n'\""],
        "engine.options.kokoro.a": [1, True, 1.5, "x"],
        "engine.options.piper.b": ["{", None],
        "engine.name": ["tone"],
        "audio.keep_mb": [16],
    }
    texts = (MINE, "", "# only words", "server: {port: 1}\n", MINE.replace("\n", "\r\n"))
    for text, _ in itertools.product(texts, range(5)):
        comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
        for _ in range(8):
            before = leaves_of(text)
            key = chance.choice(list(values))
            after = {name: value for name, value in before.items() if name != key}
            if chance.random() < 0.6:
                after[key] = chance.choice(values[key])
            changed = edited(text, before, after, leaves_of)
            assert changed is not None, (text, key, after.get(key))
            assert leaves_of(changed) == after
            text = changed
        assert {words for words in comments if "the " not in words} <= {*_words(text)} | {" and not 7851"}


def _words(text: str):
    return [line.partition("#")[2] for line in text.splitlines() if "#" in line]
