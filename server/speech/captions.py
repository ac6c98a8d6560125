"""Captions out of word times: SubRip and WebVTT."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.speech.rendition import SpokenWord

_LONGEST = 84
"""Characters of a caption: two lines of 42, as broadcasters have it."""
_LONGEST_SECONDS = 6.0
_PAUSE = 0.6
"""Seconds of silence that end a caption."""


@dataclass(frozen=True, slots=True)
class Caption:
    """A line of text and when it is shown, in seconds."""

    start: float
    end: float
    text: str


def captions(text: str, words: Sequence[SpokenWord]) -> Iterator[Caption]:
    """Words gathered into captions that end with sentences, pauses and lengths people can read."""
    group: list[SpokenWord] = []
    for word in words:
        if group and _is_full(text, group, word):
            yield _caption(text, group)
            group = []
        group.append(word)
    if group:
        yield _caption(text, group)


def srt(text: str, words: Sequence[SpokenWord]) -> str:
    """SubRip."""
    return "\n".join(
        f"{number}\n{_clock(c.start, ',')} --> {_clock(c.end, ',')}\n{c.text}\n"
        for number, c in enumerate(captions(text, words), 1)
    )


def vtt(text: str, words: Sequence[SpokenWord]) -> str:
    """WebVTT."""
    cues = "\n".join(
        f"{_clock(c.start, '.')} --> {_clock(c.end, '.')}\n{html.escape(c.text, quote=False)}\n"
        for c in captions(text, words)
    )
    return f"WEBVTT\n\n{cues}"


def _is_full(text: str, group: Sequence[SpokenWord], word: SpokenWord) -> bool:
    said = text[group[0].source_start : group[-1].source_end]
    following = text[group[-1].source_end : word.source_start]
    return (
        said.rstrip("\"'”’)»").endswith((".", "!", "?", "…", "。", "！", "？"))
        or following.strip("\"'”’)» ").startswith((".", "!", "?", "…", "。", "！", "？", "\n"))
        or word.source_end - group[0].source_start > _LONGEST
        or word.end - group[0].start > _LONGEST_SECONDS
        or word.start - group[-1].end > _PAUSE
    )


def _caption(text: str, group: Sequence[SpokenWord]) -> Caption:
    end = group[-1].source_end
    while end < len(text) and not text[end].isalnum() and not text[end].isspace():
        end += 1  # the stop and the quotation mark behind the word
    return Caption(group[0].start, group[-1].end, " ".join(text[group[0].source_start : end].split()))


def _clock(seconds: float, mark: str) -> str:
    whole = round(seconds * 1000)
    hours, rest = divmod(whole, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{mark}{rest % 1000:03}"
