"""From what a model has written so far to the text that is to be spoken."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from . import host

_USER = re.compile(r"<USER>|<user>|\{\{user\}\}")
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class Reply:
    """What has to be known of a chat turn to read its text."""

    user: str = ""
    """The person's name; stands for ``{{user}}`` outside of instruct mode."""
    character: str = ""
    """Empty in instruct mode, where no name is written before a reply."""
    opening: str = ""
    """Text that the host puts before the model's: the start of a thinking block, or "Start reply with"."""
    previous: str = ""
    """What the message said before Continue was pressed."""
    reasoning: bool = False
    """Thinking is spoken too."""

    def from_model(self, raw: str) -> str:
        """Out of the model's own text, complete or not."""
        return self._speakable(self.opening + raw)

    def from_page(self, visible: str) -> str | None:
        """Out of what the host is going to show; None where it does not continue what was there before.

        The text is HTML-escaped, so real tags in it were added by other extensions and are not to be read out.
        """
        text = html.unescape(_TAG.sub("", visible))
        previous = self._named(self.previous)
        if previous:
            # The host drops blanks at the beginning of a message.
            if not text.lstrip().startswith(previous.strip()):
                return None
            text = text.lstrip()[len(previous.strip()) :]
        return self._speakable(text)

    def _speakable(self, text: str) -> str:
        if not self.reasoning and not self.previous:
            text = host.without_reasoning(text)
        text = host.before_tool_call(text).lstrip()
        for name in (self.character, self.user):
            if name and self.character:
                if f"{name}:".startswith(text) and len(text) <= len(name):
                    return ""  # a name that is still being written
                text = text.removeprefix(f"{name}:").lstrip() if text.startswith(f"{name}:") else text
        return self._named(text)

    def _named(self, text: str) -> str:
        # A function, since a name may hold what re.sub takes for a reference.
        return _USER.sub(lambda match: self.user, text) if self.character else text


def utf16_length(text: str) -> int:
    """Offsets of the narration count what JavaScript's ``length`` counts."""
    return len(text) + sum(1 for character in text if character > "\uffff")


def utf16_slice(text: str, start: int, end: int) -> str:
    if text.isascii():
        return text[start:end]
    return text.encode("utf-16-le", "surrogatepass")[2 * start : 2 * end].decode("utf-16-le", "replace")


def common_length(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    if other.startswith(one):
        return len(one)
    at = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    return min(len(one), len(other)) if at is None else at
