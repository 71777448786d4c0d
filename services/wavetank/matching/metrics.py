"""Where the time of an order goes: one histogram per stage of the order path.

The stages are counted in plain lists, for they are counted with every order, and a client library's histogram, with its
locks, would cost as much as the engine.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUCKETS_SECONDS = tuple(
    sorted(round(step * 10**-power, 7) for power in (6, 5, 4, 3, 2, 1) for step in (1, 2.5, 5, 7.5))
)


class _Stage:
    """Times of one stage: how many fell into each bucket, and their sum."""

    __slots__ = ("counts", "name", "text", "total")

    def __init__(self, name: str, text: str) -> None:
        self.name = f"wavetank_matching_{name}_seconds"
        self.text = text
        self.counts = [0] * (len(_BUCKETS_SECONDS) + 1)
        self.total = 0.0

    def observe(self, seconds: float) -> None:
        """Count one time."""
        self.counts[bisect_left(_BUCKETS_SECONDS, seconds)] += 1
        self.total += seconds

    def family(self) -> HistogramMetricFamily:
        """Return it as Prometheus reads it: each bucket counts what is at most its bound."""
        bounds = [*map(str, _BUCKETS_SECONDS), "+Inf"]
        buckets = list(zip(bounds, accumulate(self.counts), strict=True))
        return HistogramMetricFamily(self.name, self.text, buckets=buckets, sum_value=self.total)


class StageMetrics(Collector):
    """Wall time of the stages; a cycle is one turn of the loop, which many orders may share."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Register the histograms, each name once."""
        self._decode = _Stage("decode", "A request from bytes to packed commands.")
        self._engine = _Stage("engine", "A cycle's inputs applied by the engine.")
        self._append = _Stage("append", "A cycle's entry committed to the log.")
        self._publish = _Stage("publish", "Answers and market data of a cycle encoded and queued.")
        registry.register(self)

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Yield the histograms; Prometheus asks for them."""
        for stage in (self._decode, self._engine, self._append, self._publish):
            yield stage.family()

    def decoded(self, seconds: float) -> None:
        """Count the decoding of a request."""
        self._decode.observe(seconds)

    def cycle(self, engine: float, append: float, publish: float) -> None:
        """Count a cycle."""
        self._engine.observe(engine)
        self._append.observe(append)
        self._publish.observe(publish)
