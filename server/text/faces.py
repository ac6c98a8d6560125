"""Emoji and faces made of characters."""

from __future__ import annotations

import re
from typing import Literal

from server.text.traced import Traced

_KEPT = frozenset("©®™#*0123456789↔↕←→↑↓‼⁉〰Ⓜ㊗㊙ℹ")
"""The emoji library counts these too; they are punctuation or have words of their own."""
_PICTURES = re.compile("[\u2190-\u21ff\u2460-\u27bf\u2900-\u297f\u2b00-\u2bff\ufe0f\u200d\u20e3\U0001f000-\U0001faff]")
_ARROWS = "→⇒➜➔➡"

_WESTERN = (
    r"[<>}\]]?(?:[:;]['’]?[-^o*']?(?:[)(\]\[dDpP/\\|3><}{@oO0$]|[)(]{2,8})|=['’]?[-^]?[)(\]\[dDpP]{1,8}|8-[)D]"
    r"|[(\[]{1,8}[-^o]?['’]?[:;=])"
)
_EASTERN = (
    r"\(\s?[^()\w\s]{0,3}[^\s()A-Za-z0-9]?[^\s()]{0,2}[_.‿ω□益▽∀︵﹏ヮ◡ᴗᵕ∇Дд‸﹃ェー\-^oO3][^\s()A-Za-z0-9]{1,4}\s?\)"
    r"(?:[╯ノ/]?︵?\s?┻━┻|[\\/oﾉノ♡♪~︶︿]*)"
)
_FACES = re.compile(
    rf"(?<![\w/:]){_WESTERN}(?![\w/])"
    rf"|(?<!\S)(?:</?3+)+(?![\d.])|(?<!\S)\\o/"
    rf"|(?<!\w)(?:\^[_.\-oω]?\^|[Tt][_.][Tt]|[>\-][_.]+[<\-]|[oO][_.]+[oO]|0_+0|[uU][wW][uU]|[oO][wW][oO]|[xX][dD]+|;_;|;-;|=_=|\._+\.)(?!\w)"
    rf"|¯\\?_?\(ツ\)_?/¯"
    rf"|[\\╰╭┐ლᕕ⊂ヽ٩~～]?{_EASTERN}"
)


def drop_faces(traced: Traced) -> Traced:
    """Leave out ``:-)``, ``(^_^)``, ``xD`` and their like."""
    return traced.sub(_FACES, " ")


def speak_emoji(traced: Traced, how: Literal["skip", "name"], language: str) -> Traced:
    """Leave emoji out, or say their names in a language that has names for them."""
    if traced.text.isascii():
        return traced
    if how == "name":
        traced = _name(traced, language)
    return traced.sub(_PICTURES, lambda m: ", " if m[0] in _ARROWS else " ")


def _name(traced: Traced, language: str) -> Traced:
    import emoji  # its tables take a moment to load and few people have emoji read

    known = language if language in emoji.LANGUAGES else "en"

    def said(char: str) -> str:
        name = emoji.demojize(char, delimiters=("", ""), language=known)
        return f", {name.replace('_', ' ').replace('-', ' ')}, "

    found = emoji.emoji_list(traced.text)
    return traced.replace(
        (int(e["match_start"]), int(e["match_end"]), said(str(e["emoji"])))
        for e in found
        if str(e["emoji"])[0] not in _KEPT
    )
