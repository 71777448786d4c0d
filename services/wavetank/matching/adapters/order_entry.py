"""OrderEntryService: the session stream and its unary twins."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import grpc

from wavetank.matching.adapters.commands import PackedBatch
from wavetank.matching.adapters.order_feed import order_message
from wavetank.matching.adapters.session import (
    MAX_REQUESTS_IN_FLIGHT,
    OrderSession,
    SessionBatch,
    UnaryBatch,
)
from wavetank.matching.core import commands as packed
from wavetank.model.orders import CancelReason
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.runtime.principal import Principal, Scope, principal, require
from wavetank.v1 import order_entry_pb2 as pb
from wavetank.v1 import order_entry_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from wavetank.matching.adapters.order_feed import OrderFeeds
    from wavetank.matching.core.engine import Engine
    from wavetank.matching.core.queries import KnownOrder
    from wavetank.matching.metrics import StageMetrics
    from wavetank.matching.service import MatchingService
    from wavetank.runtime.rate_limit import TokenBuckets
    from wavetank.runtime.registry import Registry

Context = grpc.aio.ServicerContext[Any, Any]


class OrderEntryServicer(order_entry_pb2_grpc.OrderEntryServiceServicer):
    """Serves order entry."""

    def __init__(
        self,
        service: MatchingService,
        feeds: OrderFeeds,
        registry: Registry,
        *,
        max_commands: int,
        rate_limit: TokenBuckets,
        metrics: StageMetrics,
    ) -> None:
        """Serve for `service`."""
        self._service = service
        self._feeds = feeds
        self._registry = registry
        self._max_commands = max_commands
        self._rate_limit = rate_limit
        self._metrics = metrics
        self._sessions: set[OrderSession] = set()
        self._stopping = False

    def stop(self) -> None:
        """End all sessions behind what is in flight, and open no more."""
        self._stopping = True
        for session in self._sessions:
            session.close(VenueError(Reason.NOT_READY, "the shard is stopping; open a new session in a moment"))

    def _account(self, context: Context, scope: Scope, account_id: int) -> int:
        account_id = require(principal(context), scope, account_id)
        if account_id not in self._registry.accounts:
            raise VenueError(Reason.ACCOUNT_UNKNOWN, f"account {account_id} does not exist", was=account_id)
        return account_id

    def _pack(self, account_id: int, commands: Sequence[pb.Command]) -> PackedBatch:
        if not 1 <= len(commands) <= self._max_commands:
            raise VenueError(
                Reason.BATCH_TOO_LARGE if commands else Reason.MALFORMED,
                f"a request has 1 to {self._max_commands} commands, not {len(commands)}",
                was=len(commands),
                allowed=self._max_commands,
            )
        self._rate_limit.take(str(account_id), len(commands))
        started = time.perf_counter()
        batch = PackedBatch(account_id, commands)
        self._metrics.decoded(time.perf_counter() - started)
        return batch

    async def Session(  # noqa: N802 - the contract's name.
        self, request_iterator: AsyncIterator[pb.SessionRequest], context: Context
    ) -> AsyncIterator[pb.SessionResponse]:
        """Carry commands up, results and own order events down."""
        first = await anext(aiter(request_iterator), None)
        if first is None or not first.HasField("open") or first.commands:
            raise VenueError(Reason.MALFORMED, "the first message of a session says `open` and nothing else")
        if self._stopping:
            raise VenueError(Reason.NOT_READY, "the shard is stopping; open a new session in a moment")
        account_id = self._account(context, Scope.TRADE, first.open.account_id)
        session = OrderSession(
            account_id,
            cancels=first.open.cancel_on_disconnect,
            cancel=lambda order_ids: self._cancel(account_id, order_ids),
        )

        def join(engine: Engine) -> int:
            self._feeds.join(account_id, session, engine.open_orders(account_id))
            return self._service.last_seq

        reader: asyncio.Task[None] | None = None
        self._sessions.add(session)
        try:
            seq = await self._service.ask(join)
            opened = pb.SessionOpened(account_id=account_id, seq=seq, max_commands=self._max_commands)
            session.send(pb.SessionResponse(request_id=first.request_id, opened=opened, seq=seq))
            reader = asyncio.create_task(self._read(session, principal(context), request_iterator))
            async for response in session.responses():
                yield response
        finally:
            if reader is not None:
                reader.cancel()
            self._sessions.discard(session)
            self._feeds.leave(account_id, session)
            session.end()

    async def _read(self, session: OrderSession, who: Principal, requests: AsyncIterator[pb.SessionRequest]) -> None:
        error: VenueError | None = None
        try:
            async for request in requests:
                if session.is_closing:
                    break
                if not self._registry.is_valid(who):
                    raise VenueError(  # noqa: TRY301 - it ends the session as what the transport raises does.
                        Reason.KEY_UNKNOWN, "the API key of this session was revoked"
                    )
                if session.in_flight >= MAX_REQUESTS_IN_FLIGHT:
                    raise VenueError(  # noqa: TRY301 - it ends the session as what the transport raises does.
                        Reason.RATE_LIMITED,
                        f"{MAX_REQUESTS_IN_FLIGHT} requests wait for their answers; no more are allowed",
                        was=session.in_flight,
                        allowed=MAX_REQUESTS_IN_FLIGHT,
                    )
                self._take(session, request)
        except VenueError as refused:
            error = refused
        finally:
            session.close(error)

    def _take(self, session: OrderSession, request: pb.SessionRequest) -> None:
        session.in_flight += 1
        try:
            if request.HasField("open"):
                raise VenueError(Reason.MALFORMED, "the session is open already")  # noqa: TRY301 - answered below.
            batch = self._pack(session.account_id, request.commands)
            if batch.count == 0:
                session.answer(request.request_id, batch.results(b""), self._service.last_seq)
                return
            self._service.submit(SessionBatch(session, request.request_id, batch))
        except VenueError as error:
            session.refuse(request.request_id, error)

    def _cancel(self, account_id: int, order_ids: list[int]) -> None:
        cancels = [
            packed.cancel(account_id=account_id, order_id=order_id, cancel_reason=CancelReason.DISCONNECTED)
            for order_id in order_ids
        ]
        self._service.submit_own(b"".join(cancels), len(cancels))

    # Unary twins

    async def _send(
        self, context: Context, account_id: int, commands: Sequence[pb.Command]
    ) -> tuple[list[pb.CommandResult], int]:
        account_id = self._account(context, Scope.TRADE, account_id)
        batch = self._pack(account_id, commands)
        if batch.count == 0:
            return batch.results(b""), self._service.last_seq
        waiting = UnaryBatch(batch)
        self._service.submit(waiting)
        results, seq = await waiting.answer
        return batch.results(results), seq

    async def PlaceOrder(  # noqa: N802 - the contract's name.
        self, request: pb.PlaceOrderRequest, context: Context
    ) -> pb.PlaceOrderResponse:
        """Place one order."""
        results, seq = await self._send(context, request.account_id, [pb.Command(place=request.order)])
        return pb.PlaceOrderResponse(result=results[0], seq=seq)

    async def CancelOrder(  # noqa: N802 - the contract's name.
        self, request: pb.CancelOrderRequest, context: Context
    ) -> pb.CancelOrderResponse:
        """Cancel one order."""
        results, seq = await self._send(context, request.account_id, [pb.Command(cancel=request.cancel)])
        return pb.CancelOrderResponse(result=results[0], seq=seq)

    async def AmendOrder(  # noqa: N802 - the contract's name.
        self, request: pb.AmendOrderRequest, context: Context
    ) -> pb.AmendOrderResponse:
        """Amend one order."""
        results, seq = await self._send(context, request.account_id, [pb.Command(amend=request.amend)])
        return pb.AmendOrderResponse(result=results[0], seq=seq)

    async def CancelAllOrders(  # noqa: N802 - the contract's name.
        self, request: pb.CancelAllOrdersRequest, context: Context
    ) -> pb.CancelAllOrdersResponse:
        """Cancel all orders that match."""
        results, seq = await self._send(context, request.account_id, [pb.Command(cancel_all=request.cancel_all)])
        return pb.CancelAllOrdersResponse(result=results[0], seq=seq)

    async def SendBatch(  # noqa: N802 - the contract's name.
        self, request: pb.SendBatchRequest, context: Context
    ) -> pb.SendBatchResponse:
        """Send several commands."""
        results, seq = await self._send(context, request.account_id, request.commands)
        return pb.SendBatchResponse(results=results, seq=seq)

    # Questions

    async def GetOrder(  # noqa: N802 - the contract's name.
        self, request: pb.GetOrderRequest, context: Context
    ) -> pb.GetOrderResponse:
        """Tell one order, live or remembered."""
        account_id = self._account(context, Scope.READ, request.account_id)
        if bool(request.order_id) == bool(request.client_order_id):
            raise VenueError(Reason.MALFORMED, "exactly one of order_id and client_order_id is given")
        if len(request.client_order_id) > 16 or request.order_id < 0:  # noqa: PLR2004 - width of a client order id.
            raise VenueError(Reason.MALFORMED, "client_order_id has at most 16 bytes, and order_id is not negative")

        def find(engine: Engine) -> tuple[KnownOrder | None, int]:
            order = engine.order(request.order_id, account_id, request.client_order_id)
            return order, self._service.last_seq

        order, seq = await self._service.ask(find)
        if order is None or order.account_id != account_id:
            raise VenueError(Reason.ORDER_UNKNOWN, "the account has no such order, open or remembered")
        return pb.GetOrderResponse(order=order_message(order), seq=seq)

    async def ListOpenOrders(  # noqa: N802 - the contract's name.
        self, request: pb.ListOpenOrdersRequest, context: Context
    ) -> pb.ListOpenOrdersResponse:
        """List the open orders by id."""
        account_id = self._account(context, Scope.READ, request.account_id)

        def find(engine: Engine) -> tuple[list[KnownOrder], int]:
            return engine.open_orders(account_id, request.instrument_id), self._service.last_seq

        orders, seq = await self._service.ask(find)
        return pb.ListOpenOrdersResponse(orders=[order_message(order) for order in orders], seq=seq)
