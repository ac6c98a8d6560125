"""Text pipelines made from the settings and the lexicon in force at the moment of asking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace

from server.settings import Settings
from server.text.lexicon import Lexicon
from server.text.options import Markup, TextOptions
from server.text.piece import Piece
from server.text.pipeline import PushPipeline, TextPipeline
from server.text.roles import CHARACTER, NARRATOR, USER, RoleRules

_NONE: Mapping[str, object] = {}


class Scripts:
    """Turns text into pieces."""

    def __init__(self, settings: Callable[[], Settings], lexicon: Lexicon) -> None:
        self._settings = settings
        self.lexicon = lexicon

    def options(self, language: str, markup: Markup = "raw", **changes: object) -> TextOptions:
        """The switches in force."""
        settings = self._settings().text
        chosen = {
            field.name: getattr(settings, field.name) for field in fields(TextOptions) if hasattr(settings, field.name)
        }
        return replace(TextOptions(**chosen), language=language, markup=markup, **changes)  # type: ignore[arg-type]

    def pieces(self, text: str, language: str, *, plain: bool = False) -> list[Piece]:
        """All of a text in one voice: the first piece small, the following ones growing."""
        return TextPipeline(self.options(language, "plain" if plain else "raw"), self.lexicon).pieces(text)

    def push(
        self,
        languages: Mapping[str, str],
        markup: Markup,
        rules: RoleRules,
        context: str = "",
        changes: Mapping[str, object] = _NONE,
        guess: Callable[[str, str], str | None] | None = None,
    ) -> PushPipeline:
        """A pipeline for a text that is still being written; ``languages`` are those of its cast, by role."""
        return PushPipeline(
            self.options(languages[CHARACTER], markup, **changes),
            self.lexicon,
            rules,
            cast={name: name for name in languages if name not in (NARRATOR, CHARACTER, USER)},
            context=context,
            languages=languages,
            guess=guess,
        )
