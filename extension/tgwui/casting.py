"""Who speaks how: from a person's choices to the cast of a narration."""

from __future__ import annotations

from typing import Any

from .choices import Character
from .voices import DISABLED

SAMPLE = '*She turns to the window.* "So this is how I sound. Shall we begin?"'
"""What a preview says: an action for the narrator, a line for the character."""


def opening(
    character: Character, refused: frozenset[str] = frozenset(), unconverted: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The body that opens a narration.

    ``refused`` names fields of members that the server did not accept, ``unconverted`` the members for whom the
    conversion that is set there is gone.
    """
    narrator = character.narrator or character.voice
    # With the character's voice goes the character's conversion, else one voice would sound like two.
    rvc = character.rvc_narrator or ("" if character.narrator else character.rvc)
    cast = {
        "character": _member(character.voice, character.rvc, character.speed),
        "narrator": _member(narrator, rvc, character.speed),
        "user": _member(narrator, rvc, character.speed),
    }
    for name, member in cast.items():
        for field in ("voice", "rvc"):
            if f"cast.{name}.{field}" in refused:
                member.pop(field, None)
        if name in unconverted:
            member["rvc"] = DISABLED
    return {
        "cast": cast,
        "speaker": "character",
        "unmarked": character.unmarked,
        "skip": list(character.skip),
        "format": "mp3",
        "markup": "raw",
    }


def _member(voice: str, rvc: str, speed: float) -> dict[str, Any]:
    member: dict[str, Any] = {"speed": speed}
    if voice:
        member["voice"] = voice
    if rvc:
        member["rvc"] = rvc
    return member
