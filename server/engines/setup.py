"""How engines are started."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from server.engines.base import Capabilities, EngineContext, OptionValue
from server.engines.client import Deadlines


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """What the settings say of engines; what can be called looks at those in force."""

    models: Path
    device_for: Callable[[str, Capabilities], str] = lambda name, capabilities: "cpu"
    options_for: Callable[[str], Mapping[str, OptionValue]] = lambda name: {}
    beside: Callable[[], Sequence[str]] = lambda: ()
    """Engines that are to be loaded beside the current one."""
    threads: int = 0
    deadlines: Callable[[], Deadlines] = Deadlines
    idle_unload_seconds: Callable[[], float] = lambda: 0.0
    """0 keeps the engine loaded."""
    restart_seconds: float = 1.0
    """Pause before the second restart in a row; doubles each time. The first comes at once."""
    restart_max_seconds: float = 60.0
    degraded_after: int = 5

    def context_for(
        self, name: str, capabilities: Capabilities, report: Callable[[str, float | None], None]
    ) -> EngineContext:
        """Where and how an engine is loaded now."""
        return EngineContext(
            device=self.device_for(name, capabilities),
            models=self.models / name,
            threads=self.threads,
            options=self.options_for(name),
            report=report,
        )
