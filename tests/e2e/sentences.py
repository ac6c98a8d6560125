"""Sentences to be heard: plain words that a recogniser has one spelling for."""

from __future__ import annotations

WEATHER = (
    "The weather was cold this morning, but the sun came out before noon and we went for a walk by the lake."
)
DOOR = "She opened the old wooden door, looked around the empty room, and asked whether anybody was still at home."
