"""What is counted and timed, for ``/metrics`` (Prometheus) and for the studio's Status page."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_FIRST_AUDIO_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32)
_FACTOR_BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 1, 1.5, 2, 4)


@dataclass(frozen=True, slots=True)
class Observation:
    """One finished request."""

    at: float
    """Seconds since the epoch."""
    first_audio: float
    """Seconds from the beginning of the work to the first sound."""
    real_time_factor: float
    """Seconds of work for a second of sound."""
    seconds: float
    """Length of the sound."""


class Watch:
    """Follows one request."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._start = clock()
        self.first: float | None = None
        self.seconds = 0.0
        self.work: float | None = None

    def sound(self, seconds: float) -> None:
        """So many seconds of sound were made."""
        if self.first is None:
            self.first = self._clock() - self._start
        self.seconds += seconds

    def finished(self, work: float) -> None:
        """It was spoken to its end; the engine worked ``work`` seconds for it."""
        self.work = work


class _Gauges(Collector):
    """Figures whose labels are not known before they are read."""

    def __init__(
        self, name: str, text: str, labels: tuple[str, ...], read: Callable[[], Iterable[tuple[tuple[str, ...], float]]]
    ) -> None:
        self._name, self._text, self._labels, self._read = name, text, labels, read

    def describe(self) -> Iterable[Metric]:
        """The name alone, so that nothing is read when this is registered."""
        yield GaugeMetricFamily(self._name, self._text, labels=self._labels)

    def collect(self) -> Iterable[Metric]:
        """What is read now."""
        family = GaugeMetricFamily(self._name, self._text, labels=self._labels)
        for values, figure in self._read():
            family.add_metric(values, figure)
        yield family


class Metrics:
    """The figures of one server."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.registry = CollectorRegistry()
        self.recent: deque[Observation] = deque(maxlen=200)
        self.requests = Counter(
            "troupe_requests", "Speech requests, by how they ended", ["outcome"], registry=self.registry
        )
        self.first_audio = Histogram(
            "troupe_first_audio_seconds",
            "Time to the first sound",
            buckets=_FIRST_AUDIO_BUCKETS,
            registry=self.registry,
        )
        self.factor = Histogram(
            "troupe_real_time_factor",
            "Seconds of the engine's work for a second of sound",
            buckets=_FACTOR_BUCKETS,
            registry=self.registry,
        )
        self.audio = Counter("troupe_audio_seconds", "Seconds of sound made", registry=self.registry)

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a figure that is read when asked for."""
        Gauge(f"troupe_{name}", text, registry=self.registry).set_function(read)

    def gauges(
        self, name: str, text: str, labels: tuple[str, ...], read: Callable[[], Iterable[tuple[tuple[str, ...], float]]]
    ) -> None:
        """Show several figures that are read when asked for, told apart by ``labels``."""
        self.registry.register(_Gauges(f"troupe_{name}", text, labels, read))

    @contextmanager
    def request(self) -> Iterator[Watch]:
        """Follow a request while the block runs."""
        watch = Watch(self._clock)
        outcome = "cancelled"
        try:
            yield watch
            outcome = "spoken" if watch.work is not None else "cancelled"
        except Exception:
            outcome = "failed"
            raise
        finally:
            self.requests.labels(outcome).inc()
            self._observe(watch)

    def _observe(self, watch: Watch) -> None:
        if watch.first is None:
            return
        self.first_audio.observe(watch.first)
        self.audio.inc(watch.seconds)
        if watch.work is not None and watch.seconds > 0:
            factor = watch.work / watch.seconds
            self.factor.observe(factor)
            self.recent.append(Observation(time.time(), watch.first, factor, watch.seconds))

    def outcomes(self) -> dict[str, int]:
        """How many requests were spoken, failed and cancelled."""
        return {name: round(self._outcome(name)) for name in ("spoken", "failed", "cancelled")}

    def _outcome(self, name: str) -> float:
        return self.registry.get_sample_value("troupe_requests_total", {"outcome": name}) or 0.0

    def text(self) -> bytes:
        """All figures in Prometheus's text format."""
        return generate_latest(self.registry)
