"""Pronunciations as people write them down: checked entries by language."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from server.errors import InvalidRequest
from server.text.inline import SpokenWord

MOST_ENTRIES = 20_000
LONGEST_WORD = 100
LONGEST_SAID = 200
_LANGUAGE = re.compile(r"\*|[a-z]{2,3}(?:-[a-z0-9]{2,8})*")
_FIELDS = frozenset(("word", "say", "case_sensitive"))


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
        raise InvalidRequest(f"{where}.{unknown[0]} is not known; an entry has word, say, case_sensitive.", param=where)
    word, say, exact = held.get("word"), held.get("say"), held.get("case_sensitive", False)
    if not isinstance(word, str) or not 0 < len(word.strip()) <= LONGEST_WORD or "\n" in word:
        raise InvalidRequest(f"{where}.word must be text of 1 to {LONGEST_WORD} characters.", param=f"{where}.word")
    if not isinstance(say, str) or not 0 < len(say.strip()) <= LONGEST_SAID or "\n" in say:
        raise InvalidRequest(f"{where}.say must be text of 1 to {LONGEST_SAID} characters.", param=f"{where}.say")
    say = say.strip()
    if say.startswith("/") and (len(say) < 3 or not say.endswith("/") or "/" in say[1:-1]):
        raise InvalidRequest(f"{where}.say: phonemes stand between two slashes: /ˈtruːp/.", param=f"{where}.say")
    if not isinstance(exact, bool):
        raise InvalidRequest(f"{where}.case_sensitive must be true or false.", param=f"{where}.case_sensitive")
    return Entry(word.strip(), say, exact)


def plain(entries: Entries) -> dict[str, list[dict[str, Any]]]:
    """Entries as JSON and YAML hold them."""
    return {
        language: [{"word": e.word, "say": e.say, "case_sensitive": e.case_sensitive} for e in held]
        for language, held in entries.items()
    }
