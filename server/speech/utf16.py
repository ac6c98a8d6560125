"""Text addressed in UTF-16 code units, as browsers count, over Python's code points."""

from __future__ import annotations


class Utf16Text:
    """A growing text; offsets of the wire are code units, those inside are code points."""

    def __init__(self) -> None:
        self.text = ""
        self._units = 0
        self._wide: list[int] = []
        """Code-unit offset of every character that takes two units, in order."""
        self._half = ""
        """A lone high surrogate at the very end: the other half comes with the next push."""

    @property
    def units(self) -> int:
        """Length in code units, half a character at the end included."""
        return self._units + len(self._half)

    def append(self, text: str) -> str:
        """Add text, which may begin or end inside a character; returns the whole characters added."""
        joined = self._half + text
        self._half = joined[-1] if joined and "\ud800" <= joined[-1] <= "\udbff" else ""
        added = without_lone_surrogates(joined[: len(joined) - len(self._half)])
        for character in added:
            if character > "\uffff":
                self._wide.append(self._units)
                self._units += 1
            self._units += 1
        self.text += added
        return added

    def cut(self, units: int) -> None:
        """Keep the first ``units`` code units."""
        kept = self.slice(0, units)
        self.text, self._units, self._wide, self._half = "", 0, [], ""
        self.append(kept)

    def slice(self, start: int, end: int) -> str:
        """Code units ``start:end``; half a character at an edge comes as a lone surrogate."""
        encoded = (self.text + self._half).encode("utf-16-le", "surrogatepass")[start * 2 : end * 2]
        return encoded.decode("utf-16-le", "surrogatepass")

    def to_units(self, point: int) -> int:
        """Code-unit offset of the character at ``point``."""
        low, high = 0, len(self._wide)
        while low < high:  # the k-th wide character is at code point wide[k] - k
            middle = (low + high) // 2
            if self._wide[middle] - middle < point:
                low = middle + 1
            else:
                high = middle
        return point + low


def without_lone_surrogates(text: str) -> str:
    """Surrogate pairs joined; a lone one, which means nothing, becomes the replacement character."""
    if not any("\ud800" <= character <= "\udfff" for character in text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
