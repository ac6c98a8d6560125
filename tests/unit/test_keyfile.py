"""The key: made once, for this user alone, and refused when it is no key."""

from __future__ import annotations

import sys

import pytest

from server.errors import ConfigError
from server.keyfile import cookie_for, ensure_key, key_file, new_key, read_key, same_key

pytestmark = pytest.mark.unit


def test_made_on_first_use_and_kept(tmp_path):
    assert read_key(tmp_path) is None
    key, is_new = ensure_key(tmp_path)
    assert is_new
    assert len(key) >= 43, "32 random bytes"
    assert ensure_key(tmp_path) == (key, False)
    assert read_key(tmp_path) == key
    replaced = new_key(tmp_path)
    assert replaced != key
    assert read_key(tmp_path) == replaced


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no permission bits; the folder is the user's"
)
def test_only_this_user_may_read_it(tmp_path):
    ensure_key(tmp_path)
    assert key_file(tmp_path).stat().st_mode & 0o777 == 0o600


def test_a_key_of_one_s_own(tmp_path):
    key_file(tmp_path).write_text("  correct-horse-battery\n", encoding="utf-8")
    assert ensure_key(tmp_path) == ("correct-horse-battery", False)


NO_KEYS = [b"", b"\n", b"short", b"two words that are long enough", b"\xff" * 40, b"a\x00" * 20]
NO_KEYS += ["schlüssel".encode() * 3]


@pytest.mark.parametrize("content", NO_KEYS)
def test_what_is_no_key_is_refused_and_not_shown(tmp_path, content):
    key_file(tmp_path).write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        ensure_key(tmp_path)
    assert str(key_file(tmp_path)) in caught.value.message
    assert "two words" not in caught.value.message
    assert key_file(tmp_path).read_bytes() == content


def test_comparing():
    assert same_key("abc", "abc")
    assert not same_key("abd", "abc")
    assert not same_key("é\udcff", "abc")


def test_the_cookie_dies_with_the_key():
    assert cookie_for("one") != cookie_for("two")
    assert "one" not in cookie_for("one")
