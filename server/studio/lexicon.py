"""Lexicon: words that are said wrong, and how to say them."""

from __future__ import annotations

from typing import Any

import gradio as gr

from server.errors import InvalidRequest, RevisionMismatch, SpeechError
from server.studio.choices import languages
from server.studio.widgets import Act, Component, notice, on_act, on_topics, said, widget
from server.troupe import Troupe

_ABOUT = (
    "Write how a word is to be said, as it would be spelled (*Zan-thee*) or in phonemes between slashes (*/ˈzænθi/*). "
    "It holds for everything that is spoken from then on."
)


def build(troupe: Troupe, pulse: Component) -> None:
    """The tab's content."""
    gr.Markdown(_ABOUT)
    words = widget("lexicon", elem_id="lexicon-words")
    done = notice("lexicon-notice")

    def save(wish: Act) -> Any:
        try:
            troupe.scripts.lexicon.replace(_by_language(wish.get("entries")), str(wish.get("revision")))
        except RevisionMismatch:
            text = "The lexicon was changed elsewhere meanwhile. Discard to see it, then make your change again."
            return said(text, "bad"), lexicon_value(troupe)
        return said("Saved."), {**lexicon_value(troupe), "saved": True}

    on_act(words, save, [], [done, words])
    on_topics(pulse, ["lexicon", "engine", "settings"], lambda: lexicon_value(troupe), [words])


def lexicon_value(troupe: Troupe) -> dict[str, Any]:
    """What the rows show."""
    try:
        held = troupe.scripts.lexicon.to_json()
    except SpeechError as error:
        return {"problem": error.message}
    return {
        "problem": "",
        "revision": held["revision"],
        "entries": [{**entry, "language": tag} for tag, entries in held["entries"].items() for entry in entries],
        "languages": languages(troupe),
    }


def _by_language(entries: object) -> dict[str, list[dict[str, Any]]]:
    """Rows as the lexicon keeps them; what is wrong with an entry the lexicon says itself."""
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            raise InvalidRequest("An entry must have a word and how to say it.", param="entries")
        row = {name: entry.get(name) for name in ("word", "say", "case_sensitive")}
        if not str(row["word"] or "").strip() or not str(row["say"] or "").strip():
            missing = "Say how to say" if str(row["word"] or "").strip() else "Name the word for"
            raise InvalidRequest(f"{missing} {row['word'] or row['say'] or 'the new entry'}.", param="entries")
        found.setdefault(str(entry.get("language")), []).append(row)
    return found
