"""The user's own pronunciations: word or phrase to respelling or phonemes, by language, in one YAML file."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from server.errors import InvalidRequest, RevisionMismatch
from server.text.inline import SpokenWord
from server.text.traced import Traced

ANY_LANGUAGE = "*"
MOST_ENTRIES = 20_000
LONGEST_WORD = 100
LONGEST_SAID = 200
_LANGUAGE = re.compile(r"\*|[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
_FIELDS = frozenset(("word", "say", "case_sensitive"))
_HEADER = """\
# How words are said: by language ("en" covers "en-us" and "en-gb", "*" every one) a list of entries.
#   word: what is written, a word or a phrase
#   say: how to read it: a respelling, or phonemes (IPA) between slashes
#   case_sensitive: true where only this exact spelling is meant (false when left out)
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One pronunciation."""

    word: str
    say: str
    """A respelling, or phonemes between slashes."""
    case_sensitive: bool = False

    @property
    def spoken(self) -> SpokenWord:
        """As a piece carries it."""
        if self.say.startswith("/"):
            return SpokenWord(self.word, self.say.strip("/").strip())
        return SpokenWord(self.say)


Entries = Mapping[str, Sequence[Entry]]


class Lexicon:
    """Pronunciations in force; a change of the file on disk is seen at the next sentence."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[Entry, ...]] = {}
        self._stamp: tuple[int, int] | None = None
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
        return {"revision": _revision(entries), "entries": _plain(entries)}

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
                _write(self._path, checked)
                self._stamp = _stamp(self._path)
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
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        if stamp is None:
            self._set({})
            return
        try:
            held = yaml.safe_load(self._path.read_text(encoding="utf-8")) or {}
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InvalidRequest(f"{self._path} cannot be read: {error}", param="lexicon") from error
        self._set(parse(held))

    def _set(self, entries: dict[str, tuple[Entry, ...]]) -> None:
        self._entries = entries
        self._matchers = {}


class _Matcher:
    """Finds entries in text, the longest first."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._exact: dict[str, Entry] = {}
        self._folded: dict[str, Entry] = {}
        for entry in reversed(entries):  # the more particular language comes first and wins
            table, key = (
                (self._exact, entry.word) if entry.case_sensitive else (self._folded, entry.word.casefold())
            )
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


def parse(entries: object) -> dict[str, tuple[Entry, ...]]:
    """Check entries from a file or a request; raises InvalidRequest naming what is wrong and where."""
    if not isinstance(entries, Mapping):
        raise InvalidRequest("The lexicon must map languages to lists of entries.", param="entries")
    parsed: dict[str, tuple[Entry, ...]] = {}
    for language, held in entries.items():
        if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
            raise InvalidRequest(
                f"{language!r} is not a language: use a lower-case tag such as en or en-gb, or * for all.",
                param="entries",
            )
        if not isinstance(held, Sequence) or isinstance(held, str):
            raise InvalidRequest(f"entries.{language} must be a list.", param=f"entries.{language}")
        parsed[language] = tuple(_entry(e, f"entries.{language}[{i}]") for i, e in enumerate(held))
    if sum(map(len, parsed.values())) > MOST_ENTRIES:
        raise InvalidRequest(f"The lexicon may hold {MOST_ENTRIES} entries.", param="entries")
    return {language: held for language, held in parsed.items() if held}


def _entry(held: object, where: str) -> Entry:
    if not isinstance(held, Mapping):
        raise InvalidRequest(f"{where} must have a word and how to say it.", param=where)
    if unknown := [str(key) for key in held if key not in _FIELDS]:
        raise InvalidRequest(
            f"{where}.{unknown[0]} is not known; an entry has word, say, case_sensitive.", param=where
        )
    word, say, exact = held.get("word"), held.get("say"), held.get("case_sensitive", False)
    if not isinstance(word, str) or not 0 < len(word.strip()) <= LONGEST_WORD or "\n" in word:
        raise InvalidRequest(
            f"{where}.word must be text of 1 to {LONGEST_WORD} characters.", param=f"{where}.word"
        )
    if not isinstance(say, str) or not 0 < len(say.strip()) <= LONGEST_SAID or "\n" in say:
        raise InvalidRequest(
            f"{where}.say must be text of 1 to {LONGEST_SAID} characters.", param=f"{where}.say"
        )
    say = say.strip()
    if say.startswith("/") and (len(say) < 3 or not say.endswith("/") or "/" in say[1:-1]):
        raise InvalidRequest(
            f"{where}.say: phonemes stand between two slashes: /ˈtruːp/.", param=f"{where}.say"
        )
    if not isinstance(exact, bool):
        raise InvalidRequest(
            f"{where}.case_sensitive must be true or false.", param=f"{where}.case_sensitive"
        )
    return Entry(word.strip(), say, exact)


def _plain(entries: Entries) -> dict[str, list[dict[str, Any]]]:
    return {
        language: [{"word": e.word, "say": e.say, "case_sensitive": e.case_sensitive} for e in held]
        for language, held in entries.items()
    }


def _revision(entries: Entries) -> str:
    return hashlib.sha256(json.dumps(_plain(entries), sort_keys=True).encode()).hexdigest()[:16]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        held = path.stat()
    except FileNotFoundError:
        return None
    return held.st_mtime_ns, held.st_size


def _write(path: Path, entries: Entries) -> None:
    """All or nothing: a crash leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = _HEADER + yaml.safe_dump(_plain(entries), allow_unicode=True, sort_keys=False)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
