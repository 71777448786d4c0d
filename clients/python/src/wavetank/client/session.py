"""A session: the stream on which a program trades.

Many requests may be under way at once; the venue answers them in order. If the stream is lost the session connects
anew, reads the account's orders again, and says so, for what happened meanwhile was not seen. Requests that were under
way then are not sent again: whether they were carried out is unknown, and the error says how to find out.

It is longer than a module should be, for commands, stream and loss share one state, and the public methods have many
arguments, each of which is explained.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Self, TypeAlias

import grpc.aio

from wavetank.client.connection import Connection, is_lasting
from wavetank.client.errors import (
    OrderUnknown,
    OutcomeUnknown,
    SessionClosed,
    VenueUnavailable,
    WavetankError,
    call_error,
    is_undecided,
    refusal_error,
)
from wavetank.client.events import (
    CommandAnswered,
    CommandUnresolved,
    Disconnected,
    Reconnected,
    SessionEvent,
)
from wavetank.client.instrument import Number
from wavetank.client.order_entry import Orders
from wavetank.client.orders import (
    AmendOrder,
    CancelAllOrders,
    CancelOrder,
    Command,
    CommandResult,
    Order,
    PlaceOrder,
    Side,
    TimeInForce,
)
from wavetank.client.orders import client_order_id as make_client_order_id
from wavetank.client.own_orders import OwnOrders
from wavetank.client.streams import EventStream
from wavetank.v1 import order_entry_pb2, order_entry_pb2_grpc

Results: TypeAlias = tuple[CommandResult, ...]
_Call: TypeAlias = grpc.aio.StreamStreamCall[order_entry_pb2.SessionRequest, order_entry_pb2.SessionResponse]

_STREAM = "session"
_CAPACITY = 65_536
_GOODBYE_SECONDS = 1.0


@dataclass(slots=True)
class _Pending:
    """A request under way."""

    commands: tuple[Command, ...]
    future: asyncio.Future[Results]
    sent_ns: int = 0
    is_written: bool = False
    timer: asyncio.TimerHandle | None = None


class Session:
    """Order entry for one account on one shard; made by `Venue.session`, used with `async with`."""

    def __init__(
        self, connection: Connection, *, account_id: int, cancel_on_disconnect: bool, shard: int, timeout: float
    ) -> None:
        self._connection = connection
        self._wire = connection.wire
        self._asked_account_id = account_id
        self._cancel_on_disconnect = cancel_on_disconnect
        self._timeout = timeout
        self._stub = order_entry_pb2_grpc.OrderEntryServiceStub(
            connection.channel(connection.directory.matching[shard])
        )
        self._orders = Orders(connection, account_id)
        self._shard = shard
        self._id_prefix = secrets.token_bytes(8)
        self._next_id = 0
        self._next_request_id = 0
        self._pending: dict[int, _Pending] = {}
        self._outbox: asyncio.Queue[tuple[int, order_entry_pb2.SessionRequest]] = asyncio.Queue()
        self._streams: list[tuple[EventStream[SessionEvent], bool]] = []
        self._own = OwnOrders()
        self._opened: order_entry_pb2.SessionOpened | None = None
        self._call: _Call | None = None
        self._task: asyncio.Task[None] | None = None
        self._error: WavetankError | None = None
        self._is_closed = False
        self.seq = 0

    # --- Life --------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        call = await self._connect()
        await self._read_open_orders()
        self._task = asyncio.create_task(self._run(call), name="wavetank session")
        self._task.add_done_callback(self._ended)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the session; with cancel-on-disconnect the venue cancels the orders it placed."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._call is not None:
            with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await self._call.done_writing()
        if self._task is not None:
            # The venue answers what is under way and then ends its half of the stream.
            await asyncio.wait([self._task], timeout=_GOODBYE_SECONDS)
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._call is not None:
            self._call.cancel()
        self._fail_pending("the session was closed")
        for stream, _ in self._streams:
            stream.end()

    @property
    def account_id(self) -> int:
        """Account traded for."""
        return self._hello.account_id

    @property
    def max_commands(self) -> int:
        """Largest number of commands in one request."""
        return self._hello.max_commands

    @property
    def is_connected(self) -> bool:
        """Whether commands can be sent now."""
        return self._call is not None and not self._is_closed

    @property
    def open_orders(self) -> tuple[Order, ...]:
        """The account's open orders, as far as this session has read."""
        return self._own.open

    @property
    def _hello(self) -> order_entry_pb2.SessionOpened:
        assert self._opened is not None, "a session is used within `async with`"
        return self._opened

    # --- Commands ----------------------------------------------------------------------------------------------------

    async def place(
        self,
        instrument: str,
        side: Side,
        size: Number,
        price: Number | None = None,
        *,
        time_in_force: TimeInForce = TimeInForce.GTC,
        post_only: bool = False,
        reduce_only: bool = False,
        client_order_id: bytes = b"",
    ) -> CommandResult:
        """Place an order; without a price it is a market order.

        Args:
            instrument: symbol.
            side: buy or sell.
            size: units of the base asset.
            price: limit in dollars.
            time_in_force: of a limit order.
            post_only: rest or be refused.
            reduce_only: never increase the position.
            client_order_id: at most 16 bytes; empty makes a unique one.

        Raises:
            OrderRefused: in the class of its reason, for instance `PriceOffGrid` or `CreditExceeded`.
            OutcomeUnknown: no answer came in time.
            VenueUnavailable: the session is not connected now; nothing was sent.
        """
        return await self._one(
            PlaceOrder(
                instrument=instrument,
                side=side,
                size=size,
                price=price,
                time_in_force=time_in_force,
                post_only=post_only,
                reduce_only=reduce_only,
                client_order_id=client_order_id,
            )
        )

    async def amend(
        self,
        instrument: str,
        *,
        order_id: int = 0,
        client_order_id: bytes = b"",
        price: Number | None = None,
        size: Number | None = None,
    ) -> CommandResult:
        """Change price or size (including what has been filled) of an order, by either id; raises as `place`."""
        return await self._one(
            AmendOrder(
                instrument=instrument, order_id=order_id, client_order_id=client_order_id, price=price, size=size
            )
        )

    async def cancel(self, *, order_id: int = 0, client_order_id: bytes = b"") -> CommandResult:
        """Cancel an order, by either id; raises as `place`."""
        return await self._one(CancelOrder(order_id=order_id, client_order_id=client_order_id))

    async def cancel_all(self, instrument: str = "", side: Side | None = None) -> int:
        """Cancel the account's open orders, of one instrument or side if given, and return how many."""
        return (await self._one(CancelAllOrders(instrument=instrument, side=side))).cancelled_orders

    async def batch(self, commands: Sequence[Command]) -> Results:
        """Send several commands at once; each succeeds or fails by itself, and its result holds the refusal.

        Raises:
            OutcomeUnknown: no answer came in time.
            WavetankError: a command cannot be sent, or the whole request was refused.
        """
        return await self.submit(commands)

    def submit(self, commands: Sequence[Command]) -> asyncio.Future[Results]:
        """Send commands without waiting for those before; await the result now or later.

        Raises:
            WavetankError: a command cannot be sent, for instance because its price is off the grid.
            VenueUnavailable: the session is not connected now.
            SessionClosed: it is closed.
        """
        if self._is_closed:
            raise SessionClosed("the session is closed; nothing was sent")
        if self._error is not None:
            raise self._error
        if self._call is None:
            raise VenueUnavailable("the session is not connected now; nothing was sent")
        identified = tuple(self._identified(command) for command in commands)
        messages = [self._wire.command(command) for command in identified]
        loop = asyncio.get_running_loop()
        self._next_request_id += 1
        request_id = self._next_request_id
        pending = _Pending(commands=identified, future=loop.create_future())
        # Whoever does not await the future still gets the outcome as an event.
        pending.future.add_done_callback(lambda done: done.cancelled() or done.exception())
        pending.timer = loop.call_later(self._timeout, self._time_out, request_id)
        self._pending[request_id] = pending
        self._outbox.put_nowait((request_id, order_entry_pb2.SessionRequest(request_id=request_id, commands=messages)))
        return pending.future

    def events(self, *, answers: bool = False, capacity: int = _CAPACITY) -> EventStream[SessionEvent]:
        """Return own order events from now on, and what happens to the connection.

        Args:
            answers: also give each command's answer as an event, before the events it caused.
            capacity: events that may wait to be read; a reader that is slower gets `EventsOverrun`.
        """
        stream: EventStream[SessionEvent] = EventStream(capacity, self._forget_stream)
        self._streams.append((stream, answers))
        if self._error is not None:
            stream.fail(self._error)
        return stream

    async def _one(self, command: Command) -> CommandResult:
        results = await self.submit([command])
        return results[0].accepted()

    def _identified(self, command: Command) -> Command:
        if not isinstance(command, PlaceOrder) or command.client_order_id:
            return command
        self._next_id += 1
        return replace(command, client_order_id=make_client_order_id(self._id_prefix, self._next_id))

    # --- The stream --------------------------------------------------------------------------------------------------

    async def _connect(self) -> _Call:
        call: _Call = self._stub.Session(metadata=self._connection.metadata)
        hello = order_entry_pb2.SessionRequest(
            open=order_entry_pb2.SessionOpen(
                account_id=self._asked_account_id, cancel_on_disconnect=self._cancel_on_disconnect
            )
        )
        try:
            async with asyncio.timeout(self._timeout):
                with suppress(asyncio.InvalidStateError):
                    # The call may have been refused already; reading tells why.
                    await call.write(hello)
                response = await call.read()
        except grpc.aio.AioRpcError as error:
            raise call_error(error) from error
        except TimeoutError as error:
            call.cancel()
            raise VenueUnavailable(f"the session was not opened within {self._timeout} s") from error
        if not isinstance(response, order_entry_pb2.SessionResponse):
            await self._raise_ended(call)
            raise VenueUnavailable("the venue ended the session before it was opened")
        if response.HasField("refusal"):
            call.cancel()
            raise refusal_error(response.refusal)
        self._opened = response.opened
        self.seq = response.opened.seq
        self._call = call
        return call

    async def _raise_ended(self, call: _Call) -> None:
        status = await call.code()
        if status is not grpc.StatusCode.OK:
            raise call_error(
                grpc.aio.AioRpcError(
                    status, await call.initial_metadata(), await call.trailing_metadata(), await call.details()
                )
            )

    async def _run(self, call: _Call) -> None:
        attempt = 0
        failing_since: float | None = None
        current: _Call | None = call
        while True:
            try:
                if current is None:
                    current = await self._connect()
                    await self._connection.read_directory()
                    await self._reconnected()
                attempt, failing_since = 0, None
                await self._serve(current)
            except WavetankError as error:
                self._lose(error)
                if self._is_closed:
                    return
                failing_since = failing_since or time.monotonic()
                limit = self._connection.backoff.give_up_after
                if is_lasting(error) or (limit is not None and time.monotonic() - failing_since >= limit):
                    self._give_up(error)
                    return
            current = None
            await asyncio.sleep(self._connection.backoff.seconds(attempt))
            attempt += 1

    async def _serve(self, call: _Call) -> None:
        writer = asyncio.create_task(self._write(call), name="wavetank session writer")
        try:
            while isinstance(response := await call.read(), order_entry_pb2.SessionResponse):
                self._take(response)
            await self._raise_ended(call)
        except grpc.aio.AioRpcError as error:
            raise call_error(error) from error
        finally:
            writer.cancel()
            await asyncio.wait([writer])
        raise VenueUnavailable("the venue ended the session")

    async def _write(self, call: _Call) -> None:
        while True:
            request_id, request = await self._outbox.get()
            pending = self._pending.get(request_id)
            if pending is None:
                continue
            pending.is_written = True
            try:
                await call.write(request)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                # The stream is lost; whoever reads it says why.
                return
            pending.sent_ns = time.perf_counter_ns()

    def _take(self, response: order_entry_pb2.SessionResponse) -> None:
        self.seq = max(self.seq, response.seq)
        pending = self._pending.pop(response.request_id, None)
        if pending is not None:
            self._answer(pending, response)
        for message in response.events:
            event = self._wire.order_event(message)
            if event is not None:
                self._own.follow(event)
                self._tell(event)

    def _answer(self, pending: _Pending, response: order_entry_pb2.SessionResponse) -> None:
        if pending.timer is not None:
            pending.timer.cancel()
        answered_ns = time.perf_counter_ns()
        error: WavetankError | None = None
        if response.HasField("refusal"):
            error = refusal_error(response.refusal)
            if is_undecided(error):
                if not pending.future.done():
                    self._fail(pending, error.message, code=error.code)
                return
            results = tuple(CommandResult(refusal=error, seq=response.seq) for _ in pending.commands)
        else:
            results = tuple(
                self._wire.result(result, command.instrument or self._own.instrument_of(result.order_id), response.seq)
                for command, result in zip(pending.commands, response.results, strict=True)
            )
        if not pending.future.done():
            if error is None:
                pending.future.set_result(results)
            else:
                pending.future.set_exception(error)
        now_ns = self._connection.directory.clock.now_ns()
        for command, result in zip(pending.commands, results, strict=True):
            if command.instrument and result.order_id:
                self._own.remember(result.order_id, command.instrument)
            self._tell(
                CommandAnswered(
                    event_time_ns=now_ns,
                    command=command,
                    result=result,
                    sent_ns=pending.sent_ns or answered_ns,
                    answered_ns=answered_ns,
                )
            )

    async def _read_open_orders(self) -> tuple[tuple[Order, ...], tuple[Order, ...]]:
        """Read the open orders, and return them and those that ended unseen, as they were last known."""
        orders, seq = await self._orders.open_at(self._shard)
        return orders, self._own.replace(orders, seq)

    # --- Loss and return ---------------------------------------------------------------------------------------------

    def _lose(self, error: WavetankError) -> None:
        was_connected = self._call is not None
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._fail_pending(error.message)
        if was_connected and not self._is_closed:
            now_ns = self._connection.directory.clock.now_ns()
            self._tell(Disconnected(event_time_ns=now_ns, stream=_STREAM, cause=error.message))

    async def _reconnected(self) -> None:
        orders, gone = await self._read_open_orders()
        ended: list[Order] = []
        for order in gone:
            with suppress(OrderUnknown):
                # The client's id is remembered longest (ORD-030).
                ended.append(
                    await self._orders.get(client_order_id=order.client_order_id)
                    if order.client_order_id
                    else await self._orders.get(order_id=order.order_id)
                )
        self._tell(
            Reconnected(
                event_time_ns=self._connection.directory.clock.now_ns(),
                stream=_STREAM,
                open_orders=orders,
                ended_orders=tuple(ended),
            )
        )

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            # A fault of this SDK: nobody may wait for ever because of it.
            self._give_up(WavetankError(f"the session failed: {error!r}"))
            self._fail_pending(f"the session failed: {error!r}")

    def _give_up(self, error: WavetankError) -> None:
        self._error = error
        for stream, _ in self._streams:
            stream.fail(error)

    def _time_out(self, request_id: int) -> None:
        # The request stays known: if its answer comes late, it is still told as an event.
        pending = self._pending[request_id]
        if not pending.is_written:
            del self._pending[request_id]
        self._fail(pending, f"no answer within {self._timeout} s")

    def _fail_pending(self, cause: str) -> None:
        pending, self._pending = self._pending, {}
        while not self._outbox.empty():
            self._outbox.get_nowait()
        for each in pending.values():
            if each.timer is not None:
                each.timer.cancel()
            if not each.future.done():
                self._fail(each, cause)

    def _fail(self, pending: _Pending, cause: str, *, code: int = 0) -> None:
        error: WavetankError
        if pending.is_written:
            error = OutcomeUnknown(
                f"{cause}: the commands may have been carried out or not; ask for the orders by their client_order_id",
                code=code,
            )
            error.client_order_ids = tuple(
                command.client_order_id for command in pending.commands if isinstance(command, PlaceOrder)
            )
        else:
            error = VenueUnavailable(f"{cause}; nothing was sent")
        if not pending.future.done():
            pending.future.set_exception(error)
        now_ns = self._connection.directory.clock.now_ns()
        for command in pending.commands:
            self._tell(CommandUnresolved(event_time_ns=now_ns, command=command, error=error))

    def _tell(self, event: SessionEvent) -> None:
        is_answer = isinstance(event, (CommandAnswered, CommandUnresolved))
        for stream, answers in self._streams:
            if answers or not is_answer:
                stream.offer(event)

    def _forget_stream(self, stream: EventStream[SessionEvent]) -> None:
        self._streams = [each for each in self._streams if each[0] is not stream]
