"""A piece of speakable text: what an engine is asked to say in one go."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhonemeSpan:
    """Characters ``start:end`` of a piece's text are said as ``ipa`` (International Phonetic Alphabet)."""

    start: int
    end: int
    ipa: str


@dataclass(frozen=True, slots=True)
class SourceSpan:
    """Characters ``start:end`` of a piece's text come from ``source_start:source_end`` of the original."""

    start: int
    end: int
    source_start: int
    source_end: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Speakable text with its place in the original. Offsets count code points, ends are exclusive."""

    text: str
    """What is said; empty for a piece that is only a pause."""
    start: int
    end: int
    """The range of the original text that this piece speaks."""
    pause_after: float = 0.0
    """Silence after it, in seconds, sized by its punctuation."""
    pause_before: float = 0.0
    """Silence asked for before it (``[pause:1.5s]``), in seconds."""
    phonemes: tuple[PhonemeSpan, ...] = ()
    sources: tuple[SourceSpan, ...] = ()
    """One span for each word of ``text``, in order; word times are reported by them."""

    def source_of(self, start: int, end: int) -> tuple[int, int]:
        """Range of the original that characters ``start:end`` of ``text`` speak.

        The piece's own range where no span overlaps.
        """
        hit = [s for s in self.sources if s.start < end and s.end > start]
        if not hit:
            return self.start, self.end
        return min(s.source_start for s in hit), max(s.source_end for s in hit)
