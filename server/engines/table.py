"""Which engines there are."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping

from server.engines.base import Capabilities, Engine
from server.errors import NotFound

ENGINES: Mapping[str, str] = {
    "kokoro": "server.engines.kokoro.engine:Kokoro",
    "kokoro-torch": "server.engines.kokoro_torch.engine:KokoroTorch",
    "piper": "server.engines.piper:Piper",
    "xtts": "server.engines.coqui.xtts:Xtts",
    "coqui-vits": "server.engines.coqui.vits:CoquiVits",
    "tone": "server.engines.tone:Tone",
}
"""Adding an engine is one row here, one file and one requirements list; see CONTRIBUTING."""


def engine_class(name: str, table: Mapping[str, str] = ENGINES) -> type[Engine]:
    """The class of an engine, imported when first asked for; NotFound lists the engines there are."""
    if name not in table:
        raise NotFound(
            f"There is no engine {name!r}. Engines: {', '.join(table)}.", code="engine_not_found", param="engine"
        )
    module, _, attribute = table[name].partition(":")
    found: type[Engine] = getattr(importlib.import_module(module), attribute)
    return found


def is_installed(capabilities: Capabilities) -> bool:
    """Whether the packages the engine imports are there."""
    return all(importlib.util.find_spec(module) is not None for module in capabilities.modules)
