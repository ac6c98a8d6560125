"""What can be set of Kokoro on torch; read by the server, so no torch here."""

from __future__ import annotations

from server.engines.base import Option

PRECISION = Option(
    "precision",
    "choice",
    "auto",
    "Numbers the decoder computes with (auto: half precision on NVIDIA and AMD cards)",
    choices=("auto", "float32", "float16", "bfloat16"),
    reload=True,
)
MEMORY = Option(
    "memory_gb",
    "float",
    0.0,
    "Most memory of the graphics card, in GB (0: no limit)",
    low=0,
    high=1024,
    reload=True,
)
CPU_FALLBACK = Option(
    "cpu_fallback", "bool", False, "Speak on the CPU what does not fit on the graphics card", reload=True
)
GRAPHS = Option("graphs", "bool", True, "Record short sentences as CUDA graphs: faster, a longer start", reload=True)
PUBLISHED = Option(
    "published_weights", "bool", False, "Fetch the published weights (327 MB) instead of the packaged ones", reload=True
)
OPTIONS = (PRECISION, MEMORY, CPU_FALLBACK, GRAPHS, PUBLISHED)
