"""Where the time of an order goes: one histogram per stage of the order path."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Histogram

_BUCKETS_SECONDS = tuple(round(step * 10**-power, 6) for power in (6, 5, 4, 3, 2, 1) for step in (1, 2.5, 5, 7.5))


class StageMetrics:
    """Wall time of the stages; a cycle is one turn of the loop, which many orders may share."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Register the histograms, each name once."""

        def stage(name: str, text: str) -> Histogram:
            return Histogram(f"wavetank_matching_{name}_seconds", text, buckets=_BUCKETS_SECONDS, registry=registry)

        self._decode = stage("decode", "A request from message to packed commands.")
        self._engine = stage("engine", "A cycle's inputs applied by the engine.")
        self._append = stage("append", "A cycle's entry committed to the log.")
        self._publish = stage("publish", "Answers and market data of a cycle encoded and queued.")

    def decoded(self, seconds: float) -> None:
        """Count the decoding of a request."""
        self._decode.observe(seconds)

    def cycle(self, engine: float, append: float, publish: float) -> None:
        """Count a cycle."""
        self._engine.observe(engine)
        self._append.observe(append)
        self._publish.observe(publish)
