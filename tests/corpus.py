"""Reads the corpus of chat messages in ``tests/data/corpus``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from server.text.options import TextOptions
from server.text.pipeline import PushPipeline
from server.text.roles import RoleRules

FOLDER = Path(__file__).parent / "data" / "corpus"


@dataclass(frozen=True)
class Message:
    """A chat message and how it is to be spoken; see ``tests/data/corpus/README.md``."""

    id: str
    text: str
    spoken: tuple[tuple[str, str], ...]
    """Role and words, in order."""
    options: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    cast: dict[str, str] = field(default_factory=dict)
    context: str = ""
    listen: bool = False
    heard: tuple[str, ...] = ()
    invented: tuple[str, ...] = ()

    def arguments(self) -> dict[str, Any]:
        """For ``PushPipeline``."""
        return {
            "options": TextOptions(**self.options),
            "rules": RoleRules(**{**self.rules, "skip": frozenset(self.rules.get("skip", ()))}),
            "cast": self.cast,
            "context": self.context,
        }

    @property
    def expected_text(self) -> str:
        """All of what is to be heard, whoever says it."""
        return " ".join(words for _, words in self.spoken)

    def actually_spoken(self) -> tuple[tuple[str, str], ...]:
        """Role and words as the pipeline makes them; neighbouring pieces of one role are joined."""
        pipeline = PushPipeline(**self.arguments())
        runs: list[tuple[str, str]] = []
        for spoken in (*pipeline.add(self.text), *pipeline.finish()):
            words = spoken.piece.text or f"<{spoken.piece.pause_after:g} s>"
            if runs and runs[-1][0] == spoken.role:
                runs[-1] = (spoken.role, f"{runs[-1][1]} {words}")
            else:
                runs.append((spoken.role, words))
        return tuple(runs)


def load_corpus() -> list[Message]:
    """Every message of every file, in order."""
    messages = []
    for path in sorted(FOLDER.glob("*.yaml")):
        for held in yaml.safe_load(path.read_text(encoding="utf-8")):
            spoken = tuple(next(iter(run.items())) for run in held.pop("spoken"))
            heard, invented = tuple(held.pop("heard", ())), tuple(held.pop("invented", ()))
            messages.append(
                Message(
                    id=f"{path.stem}-{held.pop('id')}", spoken=spoken, heard=heard, invented=invented, **held
                )
            )
    return messages
