"""OrderEntryService: the session stream and its unary twins, from bytes to bytes."""

from __future__ import annotations

import asyncio
import itertools
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import grpc

from wavetank.matching.adapters.order_checks import check_response
from wavetank.matching.adapters.own_orders import orders_answer
from wavetank.matching.adapters.session import (
    MAX_REQUESTS_IN_FLIGHT,
    OrderSession,
    SessionBatch,
    UnaryBatch,
)
from wavetank.matching.adapters.wire_reader import (
    Request,
    read_batch_request,
    read_session_request,
    read_unary_request,
)
from wavetank.matching.adapters.wire_writer import session_opened, unary_answer
from wavetank.matching.core import commands as packed
from wavetank.model.orders import CancelReason, OrderFlag
from wavetank.model.reason import Reason
from wavetank.runtime.errors import VenueError
from wavetank.runtime.interceptor import check_length
from wavetank.runtime.principal import Principal, Scope, principal, require
from wavetank.v1 import order_entry_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from wavetank.matching.adapters.disturbances import Disturbances
    from wavetank.matching.adapters.order_feed import OrderFeeds
    from wavetank.matching.core.engine import Engine
    from wavetank.matching.core.queries import KnownOrder, OrderCheck
    from wavetank.matching.metrics import StageMetrics
    from wavetank.matching.ports import Committed
    from wavetank.matching.service import MatchingService
    from wavetank.runtime.rate_limit import TokenBuckets
    from wavetank.runtime.registry import Registry

Context = grpc.aio.ServicerContext[Any, Any]

SERVICE = "wavetank.v1.OrderEntryService"

_COMMANDS = {
    "PlaceOrder": 1,
    "CancelOrder": 2,
    "AmendOrder": 3,
    "CancelAllOrders": 4,
    "PlaceGroup": 5,
    "MassQuote": 6,
    "CancelAllAfter": 7,
}
"""The unary calls of one command, each with the command's number in the contract's `Command`."""
_PLACE = _COMMANDS["PlaceOrder"]


class OrderEntryServicer:
    """Serves order entry; also a sink of committed cycles, which lets what they said to sessions leave."""

    def __init__(
        self,
        service: MatchingService,
        feeds: OrderFeeds,
        registry: Registry,
        *,
        max_commands: int,
        max_message_bytes: int,
        rate_limit: TokenBuckets,
        metrics: StageMetrics,
        disturbances: Disturbances,
    ) -> None:
        """Serve for `service`, through the disturbances once `disturb` was called."""
        self._service = service
        self._feeds = feeds
        self._registry = registry
        self._max_commands = max_commands
        self._max_message_bytes = max_message_bytes
        self._rate_limit = rate_limit
        self._metrics = metrics
        self._sessions: dict[int, OrderSession] = {}
        self._unflushed: list[OrderSession] = []
        self._numbers = itertools.count(1)
        self._stopping = False
        self._all_disturbances = disturbances
        self._disturbances: Disturbances | None = None
        """None while the door is as it should be: an order asks this one question."""

    def disturb(self) -> None:
        """Let what comes pass through the disturbances until they are quiet."""
        self._disturbances = self._all_disturbances

    def _calm(self) -> None:
        if self._all_disturbances.is_quiet:
            self._disturbances = None

    def stop(self) -> None:
        """End all sessions behind what is in flight, and open no more."""
        self._stopping = True
        self._all_disturbances.release()
        for session in list(self._sessions.values()):
            session.close(VenueError(Reason.NOT_READY, "the shard is stopping; open a new session in a moment"))

    def committed(self, cycle: Committed) -> None:
        """Let what the cycle said to sessions leave."""
        unflushed = self._unflushed[:]
        self._unflushed.clear()
        for session in unflushed:
            session.flush()

    async def _account(self, context: Context, scope: Scope, account_id: int) -> int:
        who = principal(context)
        # A sub-account that was opened a moment ago is its owner's as soon as it is known here.
        named = account_id or who.account_id
        is_known = named == 0 or await self._registry.knows(named)
        account_id = require(who, scope, account_id)
        if not is_known:
            raise VenueError(Reason.ACCOUNT_UNKNOWN, f"account {account_id} does not exist", was=account_id)
        return account_id

    def _decode(self, read: Callable[[bytes, int], Request], data: bytes) -> Request:
        started = time.perf_counter()
        try:
            request = read(data, self._max_commands)
        except ValueError as error:
            raise VenueError(Reason.MALFORMED, str(error)) from None
        self._metrics.decoded(time.perf_counter() - started)
        return request

    def _admit(self, account_id: int, request: Request) -> None:
        """Refuse a request that asks for too much, at once or per second."""
        if not 1 <= request.asked <= self._max_commands:
            raise VenueError(
                Reason.BATCH_TOO_LARGE if request.asked else Reason.MALFORMED,
                f"a request has 1 to {self._max_commands} commands, those in groups and mass quotes counted,"
                f" not {request.asked}",
                was=request.asked,
                allowed=self._max_commands,
            )
        self._rate_limit.take(str(account_id), request.asked)

    # The session

    async def session(self, requests: AsyncIterator[bytes], context: Context) -> None:
        """Carry commands up, results and own order events down."""
        data = await context.read()
        first = None if data is grpc.aio.EOF else self._read_one(data)
        if first is None or not first.has_open or first.asked:
            raise VenueError(Reason.MALFORMED, "the first message of a session says `open` and nothing else")
        if first.open_acknowledgement not in pb.Acknowledgement.values():
            raise VenueError(
                Reason.MALFORMED,
                f"acknowledgement is {first.open_acknowledgement}; 0 or 1 logged, 2 matched is allowed",
                was=first.open_acknowledgement,
            )
        if self._stopping:
            raise VenueError(Reason.NOT_READY, "the shard is stopping; open a new session in a moment")
        account_id = await self._account(context, Scope.TRADE, first.account_id)
        session = self._opened(first, account_id, context)

        def join(engine: Engine) -> int:
            self._feeds.join(account_id, session, engine.open_orders(account_id))
            return self._service.last_seq

        reader: asyncio.Task[None] | None = None
        try:
            seq = await self._service.ask(join)
            self._sessions[session.number] = session
            session.send(session_opened(first.request_id, account_id, seq, self._max_commands))
            session.flush()
            reader = asyncio.create_task(self._read(session, principal(context), context))
            await session.finished
        finally:
            if reader is not None:
                reader.cancel()
            self._sessions.pop(session.number, None)
            session.end()
            self._all_disturbances.forget(session)
            self._feeds.leave(account_id, session)

    def _opened(self, first: Request, account_id: int, context: Context) -> OrderSession:
        cancels = first.open_cancels_on_disconnect
        return OrderSession(
            account_id,
            next(self._numbers),
            feeds=self._feeds,
            write=context.write,
            committed_seq=lambda: self._service.last_seq,
            unflushed=self._unflushed,
            cancel=partial(self._cancel, account_id) if cancels else None,
            is_early=first.open_acknowledgement == pb.ACKNOWLEDGEMENT_MATCHED,
            # The mark outlives the session's own memory of them: after a restart they are cancelled by it.
            order_flags=OrderFlag.CANCEL_ON_DISCONNECT if cancels else OrderFlag.NONE,
        )

    def _read_one(self, data: bytes) -> Request:
        check_length(data, self._max_message_bytes)
        return self._decode(read_session_request, data)

    async def _read(self, session: OrderSession, who: Principal, context: Context) -> None:
        error: VenueError | None = None
        try:
            while (data := await context.read()) is not grpc.aio.EOF and not session.is_closing:
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
                self._take(session, self._read_one(data))
        except VenueError as refused:
            error = refused
        finally:
            session.close(error)

    def _take(self, session: OrderSession, request: Request) -> None:
        session.in_flight += 1
        try:
            if request.has_open:
                raise VenueError(Reason.MALFORMED, "the session is open already")  # noqa: TRY301 - answered below.
            self._admit(session.account_id, request)
            if request.count == 0:
                session.answer(request, b"", self._service.last_seq)
            elif self._disturbances is None:
                self._service.submit(SessionBatch(session, request))
                return
            else:
                self._disturbances.take(SessionBatch(session, request))
                self._calm()
                return
        except VenueError as error:
            session.refuse(request.request_id, error)
        session.flush()

    def _cancel(self, account_id: int, order_ids: list[int]) -> None:
        cancels = [
            packed.cancel(account_id=account_id, order_id=order_id, cancel_reason=CancelReason.DISCONNECTED)
            for order_id in order_ids
        ]
        self._service.submit_own(b"".join(cancels), len(cancels))

    # Unary twins

    async def command(self, field: int, data: bytes, context: Context) -> bytes:
        """Carry out the one command of a unary request, the `field` of `Command`."""
        return await self._send(
            self._decode(lambda taken, limit: read_unary_request(taken, field, limit), data), context
        )

    async def send_batch(self, data: bytes, context: Context) -> bytes:
        """Carry out several commands."""
        return await self._send(self._decode(read_batch_request, data), context)

    async def _send(self, request: Request, context: Context) -> bytes:
        account_id = await self._account(context, Scope.TRADE, request.account_id)
        self._admit(account_id, request)
        if request.count == 0:
            return unary_answer(request, b"", self._service.last_seq)
        batch = UnaryBatch(request, account_id)
        if self._disturbances is not None:
            disturbances = self._disturbances
            self._calm()
            return await disturbances.carry_out(batch, account_id)
        self._service.submit(batch)
        return await batch.answer

    # Questions

    async def check_order(self, data: bytes, context: Context) -> pb.CheckOrderResponse:
        """Tell what would become of an order, and place nothing."""
        request = self._decode(lambda taken, limit: read_unary_request(taken, _PLACE, limit), data)
        account_id = await self._account(context, Scope.READ, request.account_id)
        self._admit(account_id, request)
        if request.count == 0:
            refused = pb.PlaceOrderResponse.FromString(unary_answer(request, b"", self._service.last_seq))
            return pb.CheckOrderResponse(refusal=refused.result.refusal, seq=refused.seq)
        command = request.commands_for(account_id)

        def check(engine: Engine) -> tuple[OrderCheck, int]:
            return engine.check_place(self._service.now_ns, command), self._service.last_seq

        return check_response(*await self._service.ask(check))

    async def get_order(self, request: pb.GetOrderRequest, context: Context) -> bytes:
        """Tell one order, live or remembered."""
        account_id = await self._account(context, Scope.READ, request.account_id)
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
        return orders_answer([order], seq)

    async def list_open_orders(self, request: pb.ListOpenOrdersRequest, context: Context) -> bytes:
        """List the open orders by id."""
        account_id = await self._account(context, Scope.READ, request.account_id)

        def find(engine: Engine) -> tuple[list[KnownOrder], int]:
            return engine.open_orders(account_id, request.instrument_id), self._service.last_seq

        return orders_answer(*await self._service.ask(find))


def add_to_server(servicer: OrderEntryServicer, server: grpc.aio.Server) -> None:
    """Add the servicer as the contract's OrderEntryService, with bytes going in and out as they are."""
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        name: grpc.unary_unary_rpc_method_handler(partial(servicer.command, field)) for name, field in _COMMANDS.items()
    }
    handlers["Session"] = grpc.stream_stream_rpc_method_handler(servicer.session)
    handlers["SendBatch"] = grpc.unary_unary_rpc_method_handler(servicer.send_batch)
    handlers["CheckOrder"] = grpc.unary_unary_rpc_method_handler(
        servicer.check_order, None, pb.CheckOrderResponse.SerializeToString
    )
    handlers["GetOrder"] = grpc.unary_unary_rpc_method_handler(servicer.get_order, pb.GetOrderRequest.FromString)
    handlers["ListOpenOrders"] = grpc.unary_unary_rpc_method_handler(
        servicer.list_open_orders, pb.ListOpenOrdersRequest.FromString
    )
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
