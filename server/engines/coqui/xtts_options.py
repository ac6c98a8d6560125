"""What can be set of XTTS; read by the server, so no torch here."""

from __future__ import annotations

from server.engines.base import Option
from server.engines.torch_options import CPU_FALLBACK, LOW_VRAM, MEMORY, SEED, precision

MOST_AT_ONCE = 8
"""Sentences; beyond, a card takes as much longer as it has more to say."""

TEMPERATURE = Option("temperature", "float", 0.75, "Liveliness: higher varies more, lower is steadier", 0.05, 1.5)
PENALTY = Option("repetition_penalty", "float", 10.0, "Against repeated sounds and long silences", 1.0, 20.0)
TOP_P = Option("top_p", "float", 0.85, "Share of the likeliest sounds to choose from", 0.05, 1.0)
TOP_K = Option("top_k", "int", 50, "Number of the likeliest sounds to choose from", 1, 500)
PRECISION = precision("Numbers the speech model computes with (auto: bfloat16 on recent cards)")
AT_ONCE = Option(
    "sentences_at_once", "int", 0, "Sentences spoken together, 130 MB of memory each (0: as memory allows)",
    0, MOST_AT_ONCE, reload=True,
)  # fmt: skip
ACCEPT = Option(
    "accept_cpml", "bool", False, "I accept the Coqui Public Model License (non-commercial use)", reload=True
)
OPTIONS = (TEMPERATURE, PENALTY, TOP_P, TOP_K, SEED, PRECISION, AT_ONCE, MEMORY, LOW_VRAM, CPU_FALLBACK, ACCEPT)
