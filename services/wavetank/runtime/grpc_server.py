"""The gRPC door of a service: a server with the habits of the house.

Keys, refusals, logs and metrics (`interceptor`), the directory, health and reflection are the same at every door; a
service adds its own servicers. Kept true: two processes never share a port by accident; health says SERVING only when
the service says so; at the end calls in flight are given time, and new ones are refused.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped] # It ships no types.
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped] # It ships no types.

from wavetank.runtime.interceptor import CallInterceptor, Identifier
from wavetank.runtime.metrics import RpcMetrics
from wavetank.runtime.rate_limit import TokenBuckets
from wavetank.runtime.settings import host_and_port
from wavetank.v1 import directory_pb2, directory_pb2_grpc

MAX_MESSAGE_BYTES = 1_048_576

# gRPC itself refuses without a reason; up to this many times the limit, the door refuses with one.
_TOLD_FACTOR = 4
_NO_LIMIT = -1

_OPTIONS: tuple[tuple[str, int], ...] = (
    # Otherwise a second process on the same port would get half of the calls, silently.
    ("grpc.so_reuseport", 0),
    # A bot that was unplugged is noticed within half a minute, so that cancel-on-disconnect means something.
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Bots may ping as often as every five seconds.
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ("grpc.max_send_message_length", _NO_LIMIT),
)


class GrpcServer:
    """A server to which servicers are added before `start`."""

    def __init__(
        self,
        *,
        identifier: Identifier,
        directory: directory_pb2_grpc.DirectoryServiceServicer,
        on_broken: Callable[[BaseException], None],
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        metrics: RpcMetrics | None = None,
        rate_limit: TokenBuckets | None = None,
        options: Sequence[tuple[str, Any]] = (),
    ) -> None:
        """Make a server that listens nowhere yet.

        Args:
            identifier: knows the keys, for instance the `Registry`.
            directory: answers the directory.
            on_broken: told of a broken invariant (`Process.fail`).
            max_message_bytes: longest request message.
            metrics: counts calls, if given.
            rate_limit: limits calls per key, if given.
            options: gRPC options beside or instead of the house's.

        """
        self._health = health.aio.HealthServicer()
        limit = [("grpc.max_receive_message_length", max_message_bytes * _TOLD_FACTOR)]
        self._server = grpc.aio.server(
            interceptors=[
                CallInterceptor(
                    identifier=identifier,
                    max_message_bytes=max_message_bytes,
                    on_broken=on_broken,
                    metrics=metrics,
                    rate_limit=rate_limit,
                )
            ],
            options=[*_OPTIONS, *limit, *options],
        )
        self._names = [
            directory_pb2.DESCRIPTOR.services_by_name["DirectoryService"].full_name,
            health.SERVICE_NAME,
            reflection.SERVICE_NAME,
        ]
        directory_pb2_grpc.add_DirectoryServiceServicer_to_server(directory, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.address = ""
        """`host:port` once it listens."""

    def add(self, register: Callable[[Any, grpc.aio.Server], None], servicer: object, name: str) -> None:
        """Add a servicer.

        Args:
            register: the generated `add_…_to_server`.
            servicer: what it takes.
            name: full name of the service, for reflection, for instance `wavetank.v1.AccountService`.

        """
        register(servicer, self._server)
        self._names.append(name)

    async def start(self, listen: str) -> str:
        """Listen, answer, and return the address; health stays NOT_SERVING until `set_serving`.

        Args:
            listen: `host:port`; port 0 takes a free one.

        Raises:
            ValueError: the address has another shape.
            OSError: the port is taken or the host is not this machine's.

        """
        host, _ = host_and_port(listen)
        reflection.enable_server_reflection(self._names, self._server)
        await self.set_serving(serving=False)
        try:
            port = self._server.add_insecure_port(listen)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {listen}: {error}") from error
        if port == 0:
            raise OSError(f"cannot listen on {listen}")
        await self._server.start()
        self.address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        return self.address

    async def set_serving(self, *, serving: bool) -> None:
        """Say whether the service is ready, to whoever asks health (a probe, `wavetank up`)."""
        state = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, state)

    async def stop(self, grace: float) -> None:
        """Refuse new calls, give those in flight `grace` wall seconds, and close."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop(0)
