"""Metrics: figures for whoever runs the venue, on a page that Prometheus reads.

Names are `wavetank_<service>_<thing>_<unit>`; labels come from closed sets (methods, status codes), never from ids.
"""

from collections.abc import Callable

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, start_http_server

_LATENCY_BUCKETS_SECONDS = (
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
)  # fmt: skip


class RpcMetrics:
    """What every gRPC door counts."""

    def __init__(self, service: str, registry: CollectorRegistry = REGISTRY) -> None:
        """Register the metrics of one service's door.

        Args:
            service: name of the service, for the metrics' names.
            registry: where they are registered; each name once.

        """
        self._calls = Counter(
            f"wavetank_{service}_rpc_calls",
            "Calls by method and status code.",
            ["method", "code"],
            registry=registry,
        )
        self._latency = Histogram(
            f"wavetank_{service}_rpc_latency_seconds",
            "Wall time of unary calls.",
            ["method"],
            buckets=_LATENCY_BUCKETS_SECONDS,
            registry=registry,
        )

    def count(self, method: str, code: str, latency_ns: int | None) -> None:
        """Count a call that ended.

        Args:
            method: full name of the method, one that the server has.
            code: name of the status code.
            latency_ns: wall time it took; None for a stream, whose length is its client's wish.

        """
        self._calls.labels(method, code).inc()
        if latency_ns is not None:
            self._latency.labels(method).observe(latency_ns / 1e9)


def serve_metrics(port: int, *, host: str = "0.0.0.0", registry: CollectorRegistry = REGISTRY) -> Callable[[], None]:  # noqa: S104 - Prometheus calls from another machine.
    """Serve the metrics page from a thread of its own, and return what ends it.

    Args:
        port: port to listen on; 0 serves nothing.
        host: address to listen on.
        registry: what is shown.

    Raises:
        OSError: the port is taken.

    """
    if port == 0:
        return lambda: None
    server, thread = start_http_server(port, addr=host, registry=registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
