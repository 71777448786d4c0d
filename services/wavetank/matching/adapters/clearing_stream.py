"""The stream from clearing: lines, requests and the gate, opened by this shard and reopened for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import structlog

from wavetank.v1 import credit_pb2, credit_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wavetank.matching.service import MatchingService
    from wavetank.runtime.clock import VenueClock

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 2.0


class ClearingStream:
    """Says hello, beats, and hands what comes to the service in order."""

    def __init__(
        self,
        service: MatchingService,
        clock: VenueClock,
        *,
        address: str,
        internal_key: str,
        shard: int,
        epoch: int,
        heartbeat_seconds: float,
    ) -> None:
        """Prepare the stream to `address`; `run` opens it."""
        self._service = service
        self._clock = clock
        self._address = address
        self._metadata = (("authorization", f"Bearer {internal_key}"),)
        self._shard = shard
        self._epoch = epoch
        self._heartbeat_seconds = heartbeat_seconds
        self._logger = structlog.get_logger().bind(service="matching")

    async def _say(self) -> AsyncIterator[credit_pb2.ConnectRequest]:
        hello = credit_pb2.Hello(shard=self._shard, epoch=self._epoch, last_seq=self._service.last_seq)
        yield credit_pb2.ConnectRequest(hello=hello)
        while True:
            await asyncio.sleep(self._heartbeat_seconds)
            beat = credit_pb2.Heartbeat(last_seq=self._service.last_seq, now_ns=self._clock.now_ns())
            yield credit_pb2.ConnectRequest(heartbeat=beat)

    async def run(self) -> None:
        """Keep the stream open, for ever; while it is not, lines go stale and new risk is refused."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                async with grpc.aio.insecure_channel(
                    self._address, options=[("grpc.max_receive_message_length", -1)]
                ) as channel:
                    stub = credit_pb2_grpc.CreditServiceStub(channel)
                    async for message in stub.Connect(self._say(), metadata=self._metadata):
                        pause = _FIRST_PAUSE_SECONDS
                        self._service.from_clearing(message)
            except grpc.aio.AioRpcError as error:
                self._logger.warning("clearing_lost", code=error.code().name, details=error.details())
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
