"""Web addresses, e-mail addresses and file names, as people say them."""

from __future__ import annotations

import re
from typing import Literal

from server.text.traced import Traced

_TLD = (
    "com|org|net|io|dev|ai|edu|gov|app|info|biz|xyz|co|uk|de|fr|es|it|nl|pl|ru|jp|cn|eu|us|ca|au|ch|at|be|br|se|no|dk|fi"
    "|me|tv|gg|so|sh"
)
_URL = re.compile(r"(?:https?|ftp)://[^\s<>\"”“»」|]+|www\.[^\s<>\"”“»」|]+", re.IGNORECASE)
_BARE = re.compile(
    rf"(?<![\w@.\-/])(?:[A-Za-z0-9](?:[A-Za-z0-9-]{{0,40}})\.){{1,4}}(?:{_TLD})\b(?:/[^\s<>\"”“»」|]*)?(?!\.?\w)"
)
_EMAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9](?:[\w.+-]{0,63})@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,12}\b")
_TRAILING = ".,;:!?)]}'’*_…"
WORDS = {
    "de": ("Punkt", "at", "Schrägstrich"),
    "es": ("punto", "arroba", "barra"),
    "fr": ("point", "arobase", "barre"),
    "it": ("punto", "chiocciola", "barra"),
    "nl": ("punt", "apenstaartje", "schuine streep"),
    "pl": ("kropka", "małpa", "ukośnik"),
    "pt": ("ponto", "arroba", "barra"),
    "ru": ("точка", "собака", "слэш"),
}
"""By language: how ``.``, ``@`` and ``/`` are said in an address; English elsewhere."""
_ENGLISH = ("dot", "at", "slash")


def speak_addresses(traced: Traced, urls: Literal["host", "skip", "read"], language: str) -> Traced:
    """Addresses become words, so that no later step takes their marks for punctuation."""
    dot, at, slash = WORDS.get(language, _ENGLISH)

    def email(match: re.Match[str]) -> str:
        return f" {_spell(match[0], dot, at, slash)} "

    def url(match: re.Match[str]) -> str:
        address = match[0].rstrip(_TRAILING)
        tail = match[0][len(address) :]
        if urls == "skip":
            return tail
        bare = re.sub(r"^(?:\w+://)?(?:www\.)?(?:[^/@\s]*@)?", "", address, flags=re.IGNORECASE)
        host, _, path = bare.partition("/")
        host = host.partition("?")[0].partition("#")[0]
        if urls == "read":
            host = f"{host}/{path}".rstrip("/")
        return f"{_spell(host, dot, at, slash)}{tail}"

    return traced.sub(_EMAIL, email).sub(_URL, url).sub(_BARE, url)


def _spell(address: str, dot: str, at: str, slash: str) -> str:
    said = address.replace(".", f" {dot} ").replace("@", f" {at} ").replace("/", f" {slash} ")
    return re.sub(r"[^\w\s]|_", " ", said).strip()
