"""Callers of a running venue, over plain generated stubs: what every language's client sees.

It exists so that the tests of sessions, market data, faults and crashes speak to the venue in one way, without the SDK
between them and the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
import grpc.aio
from google.rpc import error_details_pb2
from grpc_status import rpc_status  # type: ignore[import-untyped] # It ships no types.

from tests.eventually import eventually_async
from wavetank.cli.venue import VenueProcess
from wavetank.v1 import (
    account_pb2,
    account_pb2_grpc,
    api_key_pb2,
    api_key_pb2_grpc,
    market_data_pb2,
    market_data_pb2_grpc,
    order_entry_pb2_grpc,
)
from wavetank.v1 import order_entry_pb2 as pb

DOLLAR = 1_000_000
BUY, SELL = 1, 2
BTC, ETH, SOL = 1, 2, 3
CALL_SECONDS = 10.0

Metadata = tuple[tuple[str, str], ...]


def bearer(key: str) -> Metadata:
    """Return the metadata that carries a key."""
    return (("authorization", f"Bearer {key}"),)


@dataclass(frozen=True)
class Refused:
    """What the status of a refused call says."""

    code: grpc.StatusCode
    reason: str
    message: str
    was: str
    allowed: str


def refused(error: grpc.aio.AioRpcError) -> Refused:
    """Return what a failed call says of itself; the reason is empty if the venue gave none."""
    status = rpc_status.from_call(error)
    info = error_details_pb2.ErrorInfo()
    for detail in status.details if status is not None else ():
        if detail.Is(info.DESCRIPTOR):
            detail.Unpack(info)
    message = error.details() or ""
    return Refused(error.code(), info.reason, message, info.metadata.get("was", ""), info.metadata.get("allowed", ""))


def on_grid(price_ticks: int) -> int:
    """Return the price with five significant figures at or below (UNIT-030)."""
    step: int = 10 ** max(0, len(str(price_ticks)) - 5)
    return price_ticks // step * step


def place(
    side: int,
    size_lots: int,
    price_ticks: int,
    *,
    instrument_id: int = BTC,
    client_order_id: bytes = b"",
    time_in_force: int = pb.TIME_IN_FORCE_GTC,
    order_type: int = pb.ORDER_TYPE_LIMIT,
    **fields: Any,  # noqa: ANN401 - any field of the message.
) -> pb.PlaceOrder:
    return pb.PlaceOrder(
        instrument_id=instrument_id,
        side=side,  # type: ignore[arg-type] # The wire takes the number.
        order_type=order_type,  # type: ignore[arg-type] # The same.
        price_ticks=price_ticks,
        size_lots=size_lots,
        time_in_force=time_in_force,  # type: ignore[arg-type] # The same.
        client_order_id=client_order_id,
        **fields,
    )


@dataclass
class Caller:
    """Stubs with a key; `account_id` is the account of that key, 0 for the administrator."""

    orders: order_entry_pb2_grpc.OrderEntryServiceAsyncStub
    market_data: market_data_pb2_grpc.MarketDataServiceAsyncStub
    accounts: account_pb2_grpc.AccountServiceAsyncStub
    keys: api_key_pb2_grpc.ApiKeyServiceAsyncStub
    key: str
    account_id: int = 0

    @property
    def metadata(self) -> Metadata:
        """The key, for a call."""
        return bearer(self.key)

    async def ask(self, method: Any, request: Any, timeout: float = CALL_SECONDS) -> Any:  # noqa: ANN401 - stubs.
        """Call a method with the key."""
        return await method(request, metadata=self.metadata, timeout=timeout)

    async def refusal_of(self, method: Any, request: Any) -> Refused:  # noqa: ANN401 - stubs.
        """Call a method that must be refused, and return how it was."""
        try:
            answer = await self.ask(method, request)
        except grpc.aio.AioRpcError as error:
            return refused(error)
        raise AssertionError(f"not refused: {answer}")

    async def mark_ticks(self, instrument_id: int = BTC) -> int:
        """Return the mark price, once there is one."""

        async def mark() -> int:
            with suppress(grpc.aio.AioRpcError):
                return int((await self.book(instrument_id, 1)).prices.mark_price_ticks)
            return 0

        return await eventually_async(mark)

    async def place(self, order: pb.PlaceOrder, account_id: int = 0) -> pb.CommandResult:
        """Place an order by the unary call."""
        answer = await self.ask(self.orders.PlaceOrder, pb.PlaceOrderRequest(account_id=account_id, order=order))
        result: pb.CommandResult = answer.result
        return result

    async def open_orders(self, instrument_id: int = 0) -> list[pb.Order]:
        """Return the open orders."""
        answer = await self.ask(
            self.orders.ListOpenOrders,
            pb.ListOpenOrdersRequest(account_id=self.account_id, instrument_id=instrument_id),
        )
        return list(answer.orders)

    async def book(self, instrument_id: int = BTC, depth: int = 1_000) -> market_data_pb2.GetBookResponse:
        """Return a book."""
        request = market_data_pb2.GetBookRequest(instrument_id=instrument_id, depth=depth)
        answer: market_data_pb2.GetBookResponse = await self.ask(self.market_data.GetBook, request)
        return answer

    async def trader(self, name: str, deposit_micros: int = 1_000_000 * DOLLAR) -> Caller:
        """Open an account and return a caller with a key of its own, once the shard takes its orders."""
        opened = await self.ask(
            self.accounts.OpenAccount, account_pb2.OpenAccountRequest(name=name, deposit_micros=deposit_micros)
        )
        account_id = opened.account.account_id
        caller = await self.with_key(account_id, [api_key_pb2.SCOPE_READ, api_key_pb2.SCOPE_TRADE])
        far_bid = on_grid(await self.mark_ticks() * 97 // 100)

        async def takes_orders() -> bool:
            # Credit lines come a moment after the account, and prices after a start.
            result = await caller.place(place(BUY, 100, far_bid))
            if result.state != pb.ORDER_STATE_OPEN:
                return False
            await caller.ask(
                caller.orders.CancelOrder,
                pb.CancelOrderRequest(cancel=pb.CancelOrder(order_id=result.order_id)),
            )
            return True

        await eventually_async(takes_orders, timeout=20.0)
        return caller

    async def with_key(self, account_id: int, scopes: Sequence[int]) -> Caller:
        """Make a key and return a caller that uses it."""
        made = await self.ask(
            self.keys.CreateApiKey,
            api_key_pb2.CreateApiKeyRequest(account_id=account_id, scopes=scopes),  # type: ignore[arg-type] # Numbers.
        )
        return Caller(self.orders, self.market_data, self.accounts, self.keys, made.secret_key, account_id)


@asynccontextmanager
async def calling(venue: VenueProcess, *more_options: tuple[str, int]) -> AsyncIterator[Caller]:
    """Yield a caller with the administrator's key; `more_options` are those of its channels."""
    endpoints = venue.file.endpoints
    # A channel that lost its server tries again soon: tests restart servers.
    options = [
        ("grpc.max_reconnect_backoff_ms", 300),
        ("grpc.initial_reconnect_backoff_ms", 50),
        ("grpc.use_local_subchannel_pool", 1),
        *more_options,
    ]
    async with (
        grpc.aio.insecure_channel(endpoints["matching"][0], options=options) as matching,
        grpc.aio.insecure_channel(endpoints["clearing"], options=options) as clearing,
    ):
        yield Caller(
            order_entry_pb2_grpc.OrderEntryServiceStub(matching),
            market_data_pb2_grpc.MarketDataServiceStub(matching),
            account_pb2_grpc.AccountServiceStub(clearing),
            api_key_pb2_grpc.ApiKeyServiceStub(clearing),
            venue.play_key,
        )


async def _raise_for_status(call: Any) -> None:  # noqa: ANN401 - grpcio's call.
    """Raise what reading to the end of a stream does not."""
    if await call.code() is not grpc.StatusCode.OK:
        raise grpc.aio.AioRpcError(
            await call.code(), await call.initial_metadata(), await call.trailing_metadata(), await call.details()
        )


@dataclass
class Session:
    """An open session stream: requests up, and what comes down kept by request."""

    caller: Caller
    call: Any
    opened: pb.SessionOpened
    events: list[pb.OrderEvent] = field(default_factory=list)
    ended: grpc.aio.AioRpcError | None = None
    _waiting: dict[int, asyncio.Future[pb.SessionResponse]] = field(default_factory=dict)
    _last_request: int = 0
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _reader: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, caller: Caller, *, cancel_on_disconnect: bool = False) -> Self:
        """Open a session for the caller's account."""
        call = caller.orders.Session(metadata=caller.metadata)
        opening = pb.SessionOpen(account_id=caller.account_id, cancel_on_disconnect=cancel_on_disconnect)
        await call.write(pb.SessionRequest(open=opening))
        first: Any = await call.read()
        if first is grpc.aio.EOF:
            await _raise_for_status(call)
        session = cls(caller, call, first.opened)
        session._reader = asyncio.create_task(session._read())
        return session

    async def _read(self) -> None:
        try:
            while (response := await self.call.read()) is not grpc.aio.EOF:
                self.events.extend(response.events)
                waiting = self._waiting.pop(response.request_id, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(response)
            await _raise_for_status(self.call)
        except grpc.aio.AioRpcError as error:
            self.ended = error
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the session ended"))
                # Whoever does not wait any more need not be told.
                waiting.exception()

    async def send(self, *commands: pb.Command) -> asyncio.Future[pb.SessionResponse]:
        """Send one request and return its answer to come.

        Raises:
            ConnectionError: the stream is gone.

        """
        self._last_request += 1
        number = self._last_request
        answer: asyncio.Future[pb.SessionResponse] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            # A stream of grpc.aio takes one write at a time.
            async with self._writing:
                await self.call.write(pb.SessionRequest(request_id=number, commands=commands))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            self._waiting.pop(number, None)
            raise ConnectionError("the session ended") from error
        return answer

    async def do(self, *commands: pb.Command, timeout: float = CALL_SECONDS) -> pb.SessionResponse:
        """Send one request and return its answer."""
        return await asyncio.wait_for(await self.send(*commands), timeout)

    async def place(self, order: pb.PlaceOrder) -> pb.CommandResult:
        """Place one order."""
        response = await self.do(pb.Command(place=order))
        return response.results[0]

    async def close(self) -> None:
        """Leave without saying goodbye."""
        self.call.cancel()
        if self._reader is not None:
            with suppress(asyncio.CancelledError):
                await self._reader
