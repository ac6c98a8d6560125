"""The user's own pronunciations: word or phrase to respelling or phonemes, by language, in one YAML file."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from server.errors import InvalidRequest, RevisionMismatch
from server.files import read_with_backup, stamp_of, write_with_backup
from server.text.inline import SpokenWord
from server.text.pronunciations import Entries, Entry, parse, plain
from server.text.traced import Traced

log = logging.getLogger(__name__)

ANY_LANGUAGE = "*"
_HEADER = """\
# How words are said: by language ("en" covers "en-us" and "en-gb", "*" every one) a list of entries.
#   word: what is written, a word or a phrase
#   say: how to read it: a respelling, or phonemes (IPA) between slashes
#   case_sensitive: true where only this exact spelling is meant (false when left out)
"""


class Lexicon:
    """Pronunciations in force; a change of the file on disk is seen at the next sentence."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[Entry, ...]] = {}
        self._stamp: object = None
        self._matchers: dict[str, _Matcher | None] = {}
        self._refresh()

    @property
    def revision(self) -> str:
        """Changes whenever an entry does."""
        self._refresh()
        return _revision(self._entries)

    def to_json(self) -> dict[str, Any]:
        """The body of ``GET /api/lexicon``: its revision, and by language the entries as objects."""
        self._refresh()
        entries = self._entries
        return {"revision": _revision(entries), "entries": plain(entries)}

    def replace(self, entries: object, revision: str | None = None) -> None:
        """The body's ``entries`` of ``PUT /api/lexicon``; raises InvalidRequest naming a bad entry.

        With ``revision``, raises RevisionMismatch where another change came first.
        """
        checked = parse(entries)
        with self._lock:
            self._refresh_locked()
            current = _revision(self._entries)
            if revision is not None and revision != current:
                raise RevisionMismatch(
                    "The lexicon was changed by somebody else meanwhile.", details={"revision": current}
                )
            if self._path is not None:
                held = yaml.safe_dump(plain(checked), allow_unicode=True, sort_keys=False)
                write_with_backup(self._path, _HEADER + held)
                self._stamp = stamp_of(self._path)
            self._set(checked)

    def mark(self, traced: Traced, language: str, add: Callable[[SpokenWord], str]) -> Traced:
        """Every known word gives way to the character that ``add`` returns for its pronunciation."""
        self._refresh()
        matcher = self._matcher(language.lower())
        return matcher.mark(traced, add) if matcher else traced

    def _matcher(self, language: str) -> _Matcher | None:
        with self._lock:
            if language not in self._matchers:
                names = (language, language.split("-")[0], ANY_LANGUAGE)
                entries = [e for name in dict.fromkeys(names) for e in self._entries.get(name, ())]
                self._matchers[language] = _Matcher(entries) if entries else None
            return self._matchers[language]

    def _refresh(self) -> None:
        with self._lock:
            self._refresh_locked()

    def _refresh_locked(self) -> None:
        if self._path is None:
            return
        stamp = stamp_of(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._set(read_with_backup(self._path, _from_yaml, self._damaged) or {})
        except (ValueError, OSError) as error:
            # Speech goes on with what was in force: a slip in this file is no reason to fall silent.
            log.warning("%s cannot be read and has no good copy: %s", self._path, error)

    def _damaged(self, error: Exception) -> None:
        log.warning("%s cannot be read, its last good copy is in force: %s", self._path, error)

    def _set(self, entries: dict[str, tuple[Entry, ...]]) -> None:
        self._entries = entries
        self._matchers = {}


class _Matcher:
    """Finds entries in text, the longest first."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._exact: dict[str, Entry] = {}
        self._folded: dict[str, Entry] = {}
        for entry in reversed(entries):  # the more particular language comes first and wins
            table, key = (self._exact, entry.word) if entry.case_sensitive else (self._folded, entry.word.casefold())
            table[" ".join(key.split())] = entry
        words = sorted({e.word for e in entries}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_bounded, words)), re.IGNORECASE)

    def mark(self, traced: Traced, add: Callable[[SpokenWord], str]) -> Traced:
        def said(match: re.Match[str]) -> str:
            written = " ".join(match[0].split())
            entry = self._exact.get(written) or self._folded.get(written.casefold())
            if entry is None:
                return match[0]
            spoken = entry.spoken
            return add(SpokenWord(match[0], spoken.ipa) if spoken.ipa else spoken)

        return traced.sub(self._pattern, said)


def _bounded(word: str) -> str:
    """Not inside another word, whatever the entry begins or ends with."""
    body = r"\s+".join(map(re.escape, word.split()))
    return (r"(?<!\w)" if _wordlike(word[0]) else "") + body + (r"(?!\w)" if _wordlike(word[-1]) else "")


def _wordlike(char: str) -> bool:
    """Letters of scripts with spaces between words; Chinese and Japanese words have no edges."""
    return char.isalnum() and not "\u3040" <= char <= "\u9fff"


def _revision(entries: Entries) -> str:
    return hashlib.sha256(json.dumps(plain(entries), sort_keys=True).encode()).hexdigest()[:16]


def _from_yaml(text: str) -> dict[str, tuple[Entry, ...]]:
    try:
        return parse(yaml.safe_load(text) or {})
    except (yaml.YAMLError, InvalidRequest) as error:
        raise ValueError(str(error)) from error
