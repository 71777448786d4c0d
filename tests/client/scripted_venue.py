"""A peer that speaks the contract and does what a test tells it: accept, keep silent, refuse, or drop the line.

It exists for what no real venue does on demand: losing exactly this answer, ending exactly this stream, forgetting
exactly this seq. It holds no book and no ledger; how a venue behaves is tested against a venue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Self

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2

from wavetank.v1 import (
    account_pb2,
    account_pb2_grpc,
    directory_pb2,
    directory_pb2_grpc,
    instrument_pb2,
    market_data_pb2,
    market_data_pb2_grpc,
    order_entry_pb2,
    order_entry_pb2_grpc,
)

KEY = "key.secret"
ACCOUNT_ID = 1000

SOL = instrument_pb2.Instrument(
    instrument_id=3,
    symbol="SOL",
    size_decimals=2,
    significant_figures=5,
    max_order_lots=1_000_000,
    state=instrument_pb2.INSTRUMENT_STATE_TRADING,
)


class Directory(directory_pb2_grpc.DirectoryServiceServicer):
    """Lists the instruments it is given, all services at one address."""

    def __init__(self) -> None:
        self.instruments = [SOL]
        self.address = ""
        self.shards: list[tuple[str, int]] = []
        """Address and instrument of each further matching shard."""

    async def GetDirectory(  # noqa: N802 - the contract's name.
        self, request: directory_pb2.GetDirectoryRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> directory_pb2.GetDirectoryResponse:
        kinds = (
            directory_pb2.SERVICE_KIND_MATCHING,
            directory_pb2.SERVICE_KIND_CLEARING,
            directory_pb2.SERVICE_KIND_ORACLE,
        )
        return directory_pb2.GetDirectoryResponse(
            instruments=self.instruments,
            endpoints=[
                *(directory_pb2.Endpoint(service=kind, address=self.address) for kind in kinds),
                *(
                    directory_pb2.Endpoint(
                        service=directory_pb2.SERVICE_KIND_MATCHING,
                        address=address,
                        shard=shard,
                        instrument_ids=[instrument_id],
                    )
                    for shard, (address, instrument_id) in enumerate(self.shards, 1)
                ),
            ],
            clock=directory_pb2.VenueClock(start_ns=1_000, origin_ns=0, speed_milli=1_000),
            version="scripted",
        )


class Orders(order_entry_pb2_grpc.OrderEntryServiceServicer):
    """Answers commands as long as `is_answering`, and remembers every request."""

    def __init__(self) -> None:
        self.requests: list[order_entry_pb2.SessionRequest] = []
        self.hellos: list[order_entry_pb2.SessionOpen] = []
        self.batches: list[order_entry_pb2.SendBatchRequest] = []
        self.open_orders: list[order_entry_pb2.Order] = []
        self.ended_orders: list[order_entry_pb2.Order] = []
        self.refusals: list[order_entry_pb2.Refusal] = []
        self.is_answering = True
        self.whole_refusal: order_entry_pb2.Refusal | None = None
        self.batch_failures = 0
        self.half_closed = 0
        self._lines: list[asyncio.Queue[order_entry_pb2.SessionResponse | None]] = []

    def tell(self, *events: order_entry_pb2.OrderEvent) -> None:
        """Send own order events down every open session."""
        for line in self._lines:
            line.put_nowait(order_entry_pb2.SessionResponse(events=events, seq=max(each.seq for each in events)))

    def foretell(self, request: order_entry_pb2.SessionRequest) -> None:
        """Answer a request provisionally, down every open session."""
        response = self._response(request)
        response.provisional = True
        for line in self._lines:
            line.put_nowait(response)

    def answer(self, request: order_entry_pb2.SessionRequest) -> None:
        """Answer a request now, down every open session."""
        for line in self._lines:
            line.put_nowait(self._response(request))

    def drop(self) -> None:
        """Lose every open session, without answering what was asked."""
        for line in self._lines:
            line.put_nowait(None)

    async def Session(  # noqa: N802 - the contract's name.
        self,
        request_iterator: AsyncIterator[order_entry_pb2.SessionRequest],
        context: grpc.aio.ServicerContext[object, object],
    ) -> AsyncIterator[order_entry_pb2.SessionResponse]:
        await require_key(context)
        line: asyncio.Queue[order_entry_pb2.SessionResponse | None] = asyncio.Queue()
        reader = asyncio.create_task(self._read(request_iterator, line))
        self._lines.append(line)
        try:
            while (response := await line.get()) is not None:
                yield response
        finally:
            self._lines.remove(line)
            reader.cancel()
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the line was dropped")

    async def _read(
        self,
        requests: AsyncIterator[order_entry_pb2.SessionRequest],
        line: asyncio.Queue[order_entry_pb2.SessionResponse | None],
    ) -> None:
        async for request in requests:
            if request.HasField("open"):
                self.hellos.append(request.open)
                opened = order_entry_pb2.SessionOpened(account_id=ACCOUNT_ID, seq=10, max_commands=50)
                line.put_nowait(order_entry_pb2.SessionResponse(opened=opened))
                continue
            self.requests.append(request)
            if self.is_answering:
                line.put_nowait(self._response(request))
        self.half_closed += 1
        line.put_nowait(None)

    def _response(self, request: order_entry_pb2.SessionRequest) -> order_entry_pb2.SessionResponse:
        if self.whole_refusal is not None:
            return order_entry_pb2.SessionResponse(request_id=request.request_id, refusal=self.whole_refusal)
        results = []
        for number, command in enumerate(request.commands):
            if self.refusals:
                results.append(order_entry_pb2.CommandResult(refusal=self.refusals.pop(0)))
                continue
            results.append(
                order_entry_pb2.CommandResult(
                    order_id=request.request_id * 100 + number,
                    client_order_id=command.place.client_order_id,
                    state=order_entry_pb2.ORDER_STATE_OPEN,
                    remaining_lots=command.place.size_lots,
                )
            )
        return order_entry_pb2.SessionResponse(request_id=request.request_id, results=results, seq=20)

    async def SendBatch(  # noqa: N802 - the contract's name.
        self, request: order_entry_pb2.SendBatchRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> order_entry_pb2.SendBatchResponse:
        self.batches.append(request)
        if self.batch_failures:
            self.batch_failures -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "try again")
        results = [
            order_entry_pb2.CommandResult(refusal=self.refusals.pop(0))
            if self.refusals
            else order_entry_pb2.CommandResult(order_id=1, state=order_entry_pb2.ORDER_STATE_OPEN)
            for _ in request.commands
        ]
        return order_entry_pb2.SendBatchResponse(results=results, seq=30)

    async def GetOrder(  # noqa: N802 - the contract's name.
        self, request: order_entry_pb2.GetOrderRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> order_entry_pb2.GetOrderResponse:
        found = next((each for each in self.ended_orders if each.client_order_id == request.client_order_id), None)
        if found is None:
            await refuse(context, grpc.StatusCode.NOT_FOUND, "ORDER_UNKNOWN", f"no order {request.client_order_id!r}")
        return order_entry_pb2.GetOrderResponse(order=found, seq=30)

    async def ListOpenOrders(  # noqa: N802 - the contract's name.
        self, request: order_entry_pb2.ListOpenOrdersRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> order_entry_pb2.ListOpenOrdersResponse:
        return order_entry_pb2.ListOpenOrdersResponse(orders=self.open_orders, seq=30)


class MarketData(market_data_pb2_grpc.MarketDataServiceServicer):
    """Plays one list of messages for each subscription, then loses the line; a None in it ends the stream well."""

    def __init__(self) -> None:
        self.plays: list[list[market_data_pb2.SubscribeResponse]] = []
        self.asked_from: list[int] = []
        self.oldest_seq = 0
        self.refuses = False
        self._dropped = asyncio.Event()

    def drop(self) -> None:
        """Lose every line that has nothing more to tell."""
        self._dropped.set()

    async def Subscribe(  # noqa: N802 - the contract's name.
        self, request: market_data_pb2.SubscribeRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> AsyncIterator[market_data_pb2.SubscribeResponse]:
        await require_key(context)
        self.asked_from.append(request.from_seq)
        if self.refuses:
            await refuse(context, grpc.StatusCode.UNAUTHENTICATED, "KEY_UNKNOWN", "the key is not known")
        if 0 < request.from_seq < self.oldest_seq:
            await refuse(context, grpc.StatusCode.OUT_OF_RANGE, "RESUME_IMPOSSIBLE", f"the oldest is {self.oldest_seq}")
        for message in self.plays.pop(0) if self.plays else ():
            yield message
        if not self.plays:
            # Nothing more to tell: the line stays open and silent.
            await self._dropped.wait()
        await context.abort(grpc.StatusCode.UNAVAILABLE, "the line was dropped")


class Accounts(account_pb2_grpc.AccountServiceServicer):
    """Pages fills, takes deposits unless told to lose the answer, and plays account events."""

    def __init__(self) -> None:
        self.fills: list[account_pb2.BookedFill] = []
        self.deposits: list[int] = []
        self.positions: list[account_pb2.Position] = []
        self.loses_answers = False
        self.plays: list[list[account_pb2.StreamAccountEventsResponse]] = []
        self.asked_from: list[int] = []

    async def ListPositions(  # noqa: N802 - the contract's name.
        self, request: account_pb2.ListPositionsRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> account_pb2.ListPositionsResponse:
        return account_pb2.ListPositionsResponse(positions=self.positions, seq=1)

    async def ListFills(  # noqa: N802 - the contract's name.
        self, request: account_pb2.ListFillsRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> account_pb2.ListFillsResponse:
        start = int(request.page_token or 0)
        end = start + 2
        return account_pb2.ListFillsResponse(
            fills=self.fills[start:end], next_page_token=str(end) if end < len(self.fills) else ""
        )

    async def Deposit(  # noqa: N802 - the contract's name.
        self, request: account_pb2.DepositRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> account_pb2.DepositResponse:
        self.deposits.append(request.amount_micros)
        if self.loses_answers:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the line was dropped")
        return account_pb2.DepositResponse(cash_micros=sum(self.deposits), seq=1)

    async def StreamAccountEvents(  # noqa: N802 - the contract's name.
        self, request: account_pb2.StreamAccountEventsRequest, context: grpc.aio.ServicerContext[object, object]
    ) -> AsyncIterator[account_pb2.StreamAccountEventsResponse]:
        self.asked_from.append(request.from_seq)
        for message in self.plays.pop(0):
            yield message
        if self.plays:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the line was dropped")
        await asyncio.Event().wait()


class ScriptedVenue:
    """All services on one free port of this machine."""

    def __init__(self) -> None:
        self.directory = Directory()
        # A peer speaks only what the tests ask of it; the rest of the contract is answered with UNIMPLEMENTED.
        self.orders = Orders()  # type: ignore[abstract]
        self.market_data = MarketData()  # type: ignore[abstract]
        self.accounts = Accounts()  # type: ignore[abstract]
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        """Where it listens."""
        return self.directory.address

    async def __aenter__(self) -> Self:
        await self.start("127.0.0.1:0")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, address: str) -> None:
        """Listen."""
        self._server = grpc.aio.server()
        directory_pb2_grpc.add_DirectoryServiceServicer_to_server(self.directory, self._server)
        order_entry_pb2_grpc.add_OrderEntryServiceServicer_to_server(self.orders, self._server)
        market_data_pb2_grpc.add_MarketDataServiceServicer_to_server(self.market_data, self._server)
        account_pb2_grpc.add_AccountServiceServicer_to_server(self.accounts, self._server)
        port = self._server.add_insecure_port(address)
        self.directory.address = f"127.0.0.1:{port}"
        await self._server.start()

    async def stop(self) -> None:
        """Go away at once."""
        assert self._server is not None
        await self._server.stop(grace=None)


async def require_key(context: grpc.aio.ServicerContext[object, object]) -> None:
    """Refuse a call that does not carry the key."""
    metadata: Iterable[tuple[str, str | bytes]] = context.invocation_metadata() or ()
    if ("authorization", f"Bearer {KEY}") not in {(key, value) for key, value in metadata}:
        await refuse(context, grpc.StatusCode.UNAUTHENTICATED, "KEY_UNKNOWN", "the key is not known")


async def refuse(
    context: grpc.aio.ServicerContext[object, object], status: grpc.StatusCode, reason: str, message: str
) -> None:
    """End a call with a numbered reason, as the venue's services do."""
    detail = any_pb2.Any()
    detail.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="wavetank"))
    rich = status_pb2.Status(code=status.value[0], message=message, details=[detail])
    trailing = (("grpc-status-details-bin", rich.SerializeToString()),)
    await context.abort(status, message, trailing_metadata=trailing)
