"""From chat text to speakable pieces, whole or while it is being written: the same pieces either way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from server.text.blocks import BlockScanner
from server.text.entities import EntityDecoder
from server.text.inline import InlineScanner, SpokenWords
from server.text.lexicon import Lexicon
from server.text.options import TextOptions
from server.text.piece import PhonemeSpan, Piece, SourceSpan
from server.text.roles import CHARACTER, RoleRules, RoleSplitter
from server.text.sentences import Sentence, SentenceSplitter
from server.text.speak import PAUSES, make_piece
from server.text.tags import REASONING, REASONING_END, TagFilter
from server.text.traced import BREAKS, LINE_BREAK, PARAGRAPH_BREAK, Glyph, is_reserved

FIRST_LIMIT = 60
LIMITS = (220, 400)
"""Characters of the pieces of a long text: the first small, so that sound starts soon, the others growing."""
LONGEST_SENTENCE = 300
_INVISIBLE = frozenset("\u200b\u200e\u200f\u2060\ufeff\u00ad\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class SpokenPiece:
    """A piece and who speaks it: ``narrator``, ``character``, ``user`` or a name of the cast."""

    role: str
    piece: Piece
    language: str
    """What it was read in."""


class PushPipeline:
    """Push object: chat text in, pieces with roles out as soon as they are certain.

    Offsets count code points of what was pushed; ``context`` is text before it that is not spoken and only
    decides which marks are open. ``languages`` are those of roles that do not speak the options' one; ``guess``, from
    a role and what it says, changes them on the way.
    """

    def __init__(
        self,
        options: TextOptions | None = None,
        lexicon: Lexicon | None = None,
        rules: RoleRules | None = None,
        cast: Mapping[str, str] | None = None,
        context: str = "",
        *,
        languages: Mapping[str, str] | None = None,
        guess: Callable[[str, str], str | None] | None = None,
        first_limit: int = FIRST_LIMIT,
        limit: int = LONGEST_SENTENCE,
        in_reasoning: bool = False,
    ) -> None:
        self._options = options or TextOptions()
        self._by_role = {role: replace(self._options, language=tag) for role, tag in (languages or {}).items()}
        self._guess = guess
        self._lexicon = lexicon or Lexicon()
        self._words = SpokenWords()
        self._sentences = SentenceSplitter(self._options_of(CHARACTER).language, first_limit, limit)
        self._roles = RoleSplitter(self._spoken, rules, cast)
        self._inline = InlineScanner(self._roles.feed, self._options, self._words)
        self._blocks = BlockScanner(self._inline.feed, self._options)
        html = self._options.html and self._options.markup != "plain"
        self._tags = TagFilter(self._blocks.feed, html, self._options.reasoning == "skip")
        if in_reasoning:
            self._tags.begin_in_reasoning()
        # A host that escapes what the model wrote leaves two layers of references.
        layers = 0 if not html else 2 if self._options.markup == "html" else 1
        self._decoders: list[EntityDecoder] = []
        self._head = self._tags.feed
        for _ in range(layers):
            decoder = EntityDecoder(self._head)
            self._decoders.insert(0, decoder)
            self._head = decoder.feed
        self._role: str | None = CHARACTER
        self._out: list[SpokenPiece] = []
        self._at = -len(context)
        self.add(context)

    def add(self, text: str) -> list[SpokenPiece]:
        """Pieces that are certain now."""
        for char in text:
            at = self._at
            self._at += 1
            if char in "\r\u2028\u2029\x85\x0b\x0c":
                char = "" if char == "\r" else "\n"
            elif char != "\n" and (char.isspace() or char < " " or char == "\x7f"):
                char = " "
            elif char in _INVISIBLE or is_reserved(char):
                char = ""
            if char:
                self._head(Glyph(char, at, at + 1))
        return self._take()

    def finish(self) -> list[SpokenPiece]:
        """Nothing more comes."""
        for decoder in self._decoders:
            decoder.finish()
        self._tags.finish()
        self._blocks.finish()
        self._inline.finish()
        self._roles.finish()
        self._speak(self._sentences.finish())
        return self._take()

    def _take(self) -> list[SpokenPiece]:
        out, self._out = self._out, []
        return out

    def _spoken(self, role: str | None, glyph: Glyph) -> None:
        """From the role splitter. White space and breaks belong to whoever spoke before."""
        if glyph.start < 0:
            return
        if glyph.char not in BREAKS and not glyph.char.isspace() and role != self._role:
            self._speak(self._sentences.finish("sentence"))
            self._role = role
            self._sentences.begin(self._options_of(role).language)
        if self._role is not None or glyph.char in (LINE_BREAK, PARAGRAPH_BREAK):
            self._speak(self._sentences.add((glyph,)))

    def _speak(self, sentences: list[Sentence]) -> None:
        for sentence in sentences:
            if self._role is None:
                continue
            options = self._guessed(self._role, sentence.text)
            piece = make_piece(sentence, options, self._lexicon, self._words)
            if piece:
                self._out.append(SpokenPiece(self._role, piece, options.language))

    def _guessed(self, role: str, text: str) -> TextOptions:
        """A sentence that tells no language is in that of the one before."""
        if self._guess is not None and (language := self._guess(role, text)):
            self._by_role[role] = replace(self._options, language=language)
            self._sentences.begin(language)
        return self._options_of(role)

    def _options_of(self, role: str | None) -> TextOptions:
        return self._by_role.get(role or "", self._options)


class TextPipeline:
    """For one voice and a whole text: sentences joined into pieces that grow from a small first one."""

    def __init__(
        self,
        options: TextOptions | None = None,
        lexicon: Lexicon | None = None,
        *,
        rules: RoleRules | None = None,
        first_limit: int = FIRST_LIMIT,
        limits: tuple[int, ...] = LIMITS,
    ) -> None:
        self._options = options or TextOptions()
        self._lexicon = lexicon or Lexicon()
        self._rules = replace(rules or RoleRules(), split=False)
        self._first_limit = first_limit
        self._limits = limits

    def pieces(self, text: str) -> list[Piece]:
        """All pieces of the text, in order; none where nothing of it can be spoken."""
        push = PushPipeline(
            self._options,
            self._lexicon,
            self._rules,
            first_limit=self._first_limit,
            in_reasoning=self._options.reasoning == "skip" and ends_unopened_reasoning(text),
        )
        return join([s.piece for s in (*push.add(text), *push.finish())], (self._first_limit, *self._limits))


def ends_unopened_reasoning(text: str) -> bool:
    """True where a block of reasoning ends that the prompt, not the text, began."""
    lowered = text.lower().replace("&lt;", "<").replace("&gt;", ">")
    ends = [at for token in REASONING_END if (at := lowered.find(token)) >= 0]
    return bool(ends) and not any(0 <= lowered.find(token) < min(ends) for token in REASONING)


def join(pieces: list[Piece], limits: tuple[int, ...]) -> list[Piece]:
    """Join neighbours of one paragraph up to the limits, the last of which holds for all further pieces."""
    joined: list[Piece] = []
    for piece in pieces:
        limit = limits[min(len(joined), len(limits)) - 1] if joined else 0
        last = joined[-1] if joined else None
        if (
            last
            and last.text
            and piece.text
            and 0 < last.pause_after < PAUSES["line"]
            and len(last.text) + 1 + len(piece.text) <= limit
        ):
            joined[-1] = _together(last, piece)
        else:
            joined.append(piece)
    return joined


def _together(one: Piece, two: Piece) -> Piece:
    shift = len(one.text) + 1
    return Piece(
        f"{one.text} {two.text}",
        one.start,
        two.end,
        two.pause_after,
        one.pause_before,
        one.phonemes + tuple(PhonemeSpan(p.start + shift, p.end + shift, p.ipa) for p in two.phonemes),
        one.sources
        + tuple(SourceSpan(s.start + shift, s.end + shift, s.source_start, s.source_end) for s in two.sources),
    )
