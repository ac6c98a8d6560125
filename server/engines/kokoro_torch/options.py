"""What can be set of Kokoro on torch; read by the server, so no torch here."""

from __future__ import annotations

from server.engines.base import Option
from server.engines.torch_options import CPU_FALLBACK, MEMORY, precision

PRECISION = precision("Numbers the decoder computes with (auto: half precision on NVIDIA and AMD cards)")
GRAPHS = Option("graphs", "bool", True, "Record short sentences as CUDA graphs: faster, a longer start", reload=True)
PUBLISHED = Option(
    "published_weights", "bool", False, "Fetch the published weights (327 MB) instead of the packaged ones", reload=True
)
OPTIONS = (PRECISION, MEMORY, CPU_FALLBACK, GRAPHS, PUBLISHED)
