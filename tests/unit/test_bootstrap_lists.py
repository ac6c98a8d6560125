"""The lists of what is to be installed: what they say about themselves, need, and change."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.boot.errors import BootError
from server.boot.launch import REPOSITORY
from server.boot.lists import DEFAULT, digest_of, load_list, load_lists, names
from tests.unit.lists import write_list

pytestmark = pytest.mark.unit


def test_a_list_speaks_about_itself(tmp_path: Path) -> None:
    write_list(
        tmp_path,
        "voice",
        "# title: A voice\n# size: 12.5 MB\n# needs: data, more\n# pip: --no-deps --index-url 'x y'\n"
        "# offer: nvidia\n# Why: nothing\nalpha>=1 # reason\n\nbeta\n",
    )
    item = load_list("voice", tmp_path)
    assert (item.title, item.size, item.needs) == ("A voice", 12.5, ("data", "more"))
    assert item.pip == ("--no-deps", "--index-url", "x y")
    assert item.offer == "nvidia"
    assert item.requirements == ("alpha>=1", "beta")


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("# other words\nalpha>=1  # and another reason\n", False),
        ("alpha>=1\r\n", False),
        ("alpha>=2\n", True),
        ("# pip: --no-deps\nalpha>=1\n", True),
    ],
)
def test_only_what_is_installed_changes_the_digest(tmp_path: Path, text: str, changes: bool) -> None:
    write_list(tmp_path, "one", "# words\nalpha>=1\n")
    before = load_list("one", tmp_path)
    write_list(tmp_path, "one", text)
    after = load_list("one", tmp_path)
    assert (after.digest != before.digest) is changes
    assert (digest_of([after]) != digest_of([before])) is changes


def test_needs_are_followed_once(tmp_path: Path) -> None:
    write_list(tmp_path, "one", "# needs: two\n")
    write_list(tmp_path, "two", "# needs: one, three\n")
    write_list(tmp_path, "three", "")
    assert [item.name for item in load_lists(["one", "three"], tmp_path)] == ["one", "two", "three"]


def test_an_unknown_list_names_those_there_are(tmp_path: Path) -> None:
    write_list(tmp_path, "one", "")
    with pytest.raises(BootError, match=r"named 'two'.*There is: one\."):
        load_list("two", tmp_path)


def test_shipped_lists_say_title_and_size() -> None:
    for name in names():
        item = load_list(name)
        assert item.title != name
        assert item.size > 0
        assert item.requirements or item.needs


def test_the_tests_lists_have_names_of_their_own() -> None:
    """What is installed is remembered by name: of two alike one would be installed anew at every run."""
    assert not {path.stem for path in (REPOSITORY / "tests" / "requirements").glob("*.txt")} & set(names())


def test_the_first_installation_is_below_500_megabytes() -> None:
    assert sum(item.size for item in load_lists(DEFAULT)) < 500
