"""Options that engines on torch share, most for a card that a language model shares too. No torch is imported here."""

from __future__ import annotations

from server.engines.base import Option

SEED = Option("seed", "int", 0, "The same seed says the same sentence in the same way", 0, 2**31 - 1)
MEMORY = Option(
    "memory_gb", "float", 0.0, "Most memory of the graphics card, in GB (0: no limit)", 0, 1024, reload=True
)
CPU_FALLBACK = Option(
    "cpu_fallback", "bool", False, "Speak on the CPU what does not fit on the graphics card", reload=True
)
LOW_VRAM = Option(
    "low_vram", "bool", False, "Leave the graphics card whenever nothing is to be said: the model waits in main memory",
    reload=True,
)  # fmt: skip


def precision(title: str) -> Option:
    """The choice of numbers that a model computes with; ``title`` says what ``auto`` takes."""
    choices = ("auto", "float32", "float16", "bfloat16")
    return Option("precision", "choice", "auto", title, choices=choices, reload=True)
