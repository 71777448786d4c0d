"""The stream to a matching shard: lines, requests and the gate as messages, in order (CreditService)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import structlog

from wavetank.clearing.adapters.wire import own_rate
from wavetank.model.orders import CommandKind
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import Scope, principal, require
from wavetank.v1 import credit_pb2, credit_pb2_grpc, instrument_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from wavetank.clearing.core.credit import Line
    from wavetank.clearing.service import ClearingService
    from wavetank.model.events.clearing import MatchingRequested

MAX_WAITING = 100_000
"""Messages that may wait for a shard before its stream is cut; it gets everything anew when it returns."""


def line_message(line: Line) -> credit_pb2.CreditUpdate:
    """Return a line as it stands on the wire."""
    return credit_pb2.CreditUpdate(
        account_id=line.account_id,
        line_epoch=line.line_epoch,
        line_number=line.line_number,
        as_of_seq=line.as_of_seq,
        budget_micros=line.budget_micros,
        counted_value_micros=line.counted_value_micros,
        counted_fees_micros=line.counted_fees_micros,
        status=credit_pb2.LineStatus.ValueType(line.status),
        acknowledge=line.acknowledge,
        rows=[
            credit_pb2.CreditRow(
                instrument_id=row.instrument_id,
                position_lots=row.position_lots,
                margin_price_ticks=row.margin_price_ticks,
                leverage=row.leverage,
                scaled_ppm=row.scaled_ppm,
            )
            for row in line.rows
        ],
        mark_time_ns=line.mark_time_ns,
        elsewhere_micros=line.elsewhere_micros,
        taker_fee_ppm=own_rate(line.fee_rates.taker_fee_ppm),
        maker_fee_ppm=own_rate(line.fee_rates.maker_fee_ppm),
        charge=credit_pb2.LineCharge.ValueType(line.charge),
        equity_micros=line.equity_micros,
        only_instrument_id=line.only_instrument_id,
        position_limits=[credit_pb2.PositionLimit(**limit._asdict()) for limit in line.position_limits],
        group_limits=[credit_pb2.GroupLimit(**limit._asdict()) for limit in line.group_limits],
    )


def request_message(seq: int, request: MatchingRequested) -> credit_pb2.ConnectResponse:
    """Return a request to the shard as it stands on the wire; its id is (seq, 0)."""
    request_id = credit_pb2.RequestId(seq=seq, number=0)
    if request.command == CommandKind.CANCEL_ACCOUNT:
        return credit_pb2.ConnectResponse(
            cancel_account_orders=credit_pb2.CancelAccountOrders(request_id=request_id, account_id=request.account_id)
        )
    if request.command == CommandKind.LIQUIDATE:
        return credit_pb2.ConnectResponse(
            liquidation_order=credit_pb2.LiquidationOrder(
                request_id=request_id,
                account_id=request.account_id,
                instrument_id=request.instrument_id,
                side=instrument_pb2.Side.ValueType(request.side),
                size_lots=request.size_lots,
                price_ticks=request.price_ticks,
            )
        )
    return credit_pb2.ConnectResponse(
        transfer_position=credit_pb2.TransferPosition(
            request_id=request_id,
            giver_account_id=request.account_id,
            receiver_account_id=request.receiver_account_id,
            instrument_id=request.instrument_id,
            giver_delta_lots=request.size_lots,
            giver_value_micros=request.value_micros,
            receiver_may_increase=bool(request.receiver_may_increase),
            giver_may_increase=bool(request.giver_may_increase),
        )
    )


class ShardStream:
    """One open stream; what is sent waits here until gRPC takes it."""

    def __init__(self) -> None:
        """Begin with nothing waiting."""
        self.waiting: asyncio.Queue[credit_pb2.ConnectResponse | None] = asyncio.Queue()
        self._is_cut = False

    def _send(self, message: credit_pb2.ConnectResponse) -> None:
        if self._is_cut:
            return
        if self.waiting.qsize() >= MAX_WAITING:
            # The shard does not read. Ending the stream makes it say hello again and get all anew.
            self._is_cut = True
            self.close()
            return
        self.waiting.put_nowait(message)

    def close(self) -> None:
        """End the stream behind what waits."""
        self.waiting.put_nowait(None)

    def send_line(self, line: Line) -> None:
        """Send a credit line."""
        self._send(credit_pb2.ConnectResponse(credit_update=line_message(line)))

    def send_request(self, seq: int, request: MatchingRequested) -> None:
        """Send a request, whose id is (seq, 0)."""
        self._send(request_message(seq, request))

    def send_gate(self, *, is_open: bool) -> None:
        """Open or close the shard for new orders."""
        self._send(credit_pb2.ConnectResponse(venue_gate=credit_pb2.VenueGate(open=is_open)))


class CreditServicer(credit_pb2_grpc.CreditServiceServicer):
    """Serves the shards."""

    def __init__(self, service: ClearingService) -> None:
        """Serve for `service`."""
        self._service = service
        self._streams: set[ShardStream] = set()
        self._stopping = False
        self._logger = structlog.get_logger().bind(service="clearing")

    def stop(self) -> None:
        """End all streams behind what waits, and begin no more."""
        self._stopping = True
        for stream in self._streams:
            stream.close()

    async def Connect(  # noqa: N802 - the contract's name.
        self,
        request_iterator: AsyncIterator[credit_pb2.ConnectRequest],
        context: grpc.aio.ServicerContext[credit_pb2.ConnectRequest, credit_pb2.ConnectResponse],
    ) -> AsyncIterator[credit_pb2.ConnectResponse]:
        """Serve one shard until either side ends the stream."""
        require(principal(context), Scope.INTERNAL)
        first = await anext(aiter(request_iterator), None)
        if first is None or first.WhichOneof("message") != "hello":
            raise VenueError(Reason.MALFORMED, "a shard says hello first")
        shard, top = first.hello.shard, self._service.shards - 1
        if not 0 <= shard <= top:
            raise VenueError(
                Reason.MALFORMED, f"shard {shard} is unknown; 0 to {top} are served", was=shard, allowed=top
            )
        if self._stopping:
            raise VenueError(Reason.NOT_READY, "clearing is stopping; say hello again in a moment")
        stream = ShardStream()
        self._streams.add(stream)
        self._logger.info("shard_connected", shard=shard, epoch=first.hello.epoch, last_seq=first.hello.last_seq)
        self._service.connected(shard, stream)
        reader = asyncio.create_task(self._watch(request_iterator, stream))
        try:
            while (message := await stream.waiting.get()) is not None:
                yield message
            if self._stopping:
                raise VenueError(Reason.NOT_READY, "clearing is stopping; say hello again in a moment")
        finally:
            reader.cancel()
            self._streams.discard(stream)
            self._service.disconnected(shard, stream)
            self._logger.info("shard_disconnected", shard=shard, epoch=first.hello.epoch)

    @staticmethod
    async def _watch(requests: AsyncIterator[credit_pb2.ConnectRequest], stream: ShardStream) -> None:
        try:
            async for _ in requests:
                # A heartbeat only keeps the stream in use; what counts is read from the shard's log.
                continue
        finally:
            stream.close()
