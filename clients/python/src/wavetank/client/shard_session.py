"""One shard's part of a session: a stream of orders, its loss and its return.

Many requests may be under way at once; the shard answers them in order. If the stream is lost it connects anew, reads
the account's orders again, and says so, for what happened meanwhile was not seen. Requests that were under way then are
not sent again: whether they were carried out is unknown, and the error says how to find out. What is sent again by
itself is an order that the shard refused because the account's credit is on other shards: such a refusal changed
nothing, and has caused the credit to be moved.

It is longer than a module should be, for requests, stream and loss share one state.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

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
from wavetank.client.events import CommandAnswered, CommandUnresolved, Disconnected, Reconnected, SessionEvent
from wavetank.client.order_entry import CREDIT_PAUSES, Orders, is_sent_again
from wavetank.client.orders import Acknowledgement, Command, CommandResult, Order, orders_of
from wavetank.client.own_orders import OwnOrders
from wavetank.v1 import order_entry_pb2, order_entry_pb2_grpc

Results: TypeAlias = tuple[CommandResult, ...]
_Call: TypeAlias = grpc.aio.StreamStreamCall[order_entry_pb2.SessionRequest, order_entry_pb2.SessionResponse]

_GOODBYE_SECONDS = 1.0


@dataclass(slots=True)
class _Pending:
    """A request under way."""

    commands: tuple[Command, ...]
    future: asyncio.Future[Results]
    is_told: bool
    """Whether its answers and failures are told as events."""
    carried: tuple[int, ...]
    """Which of the commands are under way: all at first, then those that are sent again."""
    results: list[CommandResult] = field(default_factory=list[CommandResult])
    request_id: int = 0
    attempt: int = 0
    sent_ns: int = 0
    is_written: bool = False
    is_atomic: bool = False
    is_foretold: bool = False
    """Whether it was answered provisionally: its future is done, but not its story."""
    timer: asyncio.TimerHandle | None = None


class ShardSession:
    """Order entry for one account on one shard.

    Args:
        connection: to the venue.
        account_id: account to trade for, 0 for the key's own.
        cancel_on_disconnect: cancel the orders of the stream when it ends.
        shard: which.
        name: of the stream, for `Disconnected` and `Reconnected`.
        timeout: wall seconds after which an answer is overdue.
        credit_retries: how often an order is sent again whose credit is on another shard.
        acknowledgement: when to be answered.
        tell: gets what happens.
        fail: gets the error with which the stream cannot go on.
    """

    def __init__(  # noqa: PLR0913 - each is explained above.
        self,
        connection: Connection,
        *,
        account_id: int,
        cancel_on_disconnect: bool,
        shard: int,
        name: str,
        timeout: float,
        credit_retries: int,
        acknowledgement: Acknowledgement,
        tell: Callable[[SessionEvent], None],
        fail: Callable[[WavetankError], None],
    ) -> None:
        self._connection = connection
        self._wire = connection.wire
        self._asked_account_id = account_id
        self._cancel_on_disconnect = cancel_on_disconnect
        self._timeout = timeout
        self._credit_retries = credit_retries
        self._acknowledgement = acknowledgement
        self._stub = order_entry_pb2_grpc.OrderEntryServiceStub(
            connection.channel(connection.directory.matching[shard])
        )
        self._orders = Orders(connection, account_id)
        self._shard = shard
        self._name = name
        self._tell = tell
        self._fail_streams = fail
        self._next_request_id = 0
        self._pending: dict[int, _Pending] = {}
        self._outbox: asyncio.Queue[tuple[int, order_entry_pb2.SessionRequest]] = asyncio.Queue()
        self.own = OwnOrders()
        self._opened: order_entry_pb2.SessionOpened | None = None
        self._call: _Call | None = None
        self._task: asyncio.Task[None] | None = None
        self.error: WavetankError | None = None
        self._is_closed = False
        self.seq = 0

    async def open(self) -> None:
        """Open the stream and read the account's open orders.

        Raises:
            WavetankError: it cannot be opened.
        """
        call = await self._connect()
        await self._read_open_orders()
        self._task = asyncio.create_task(self._run(call), name="wavetank session")
        self._task.add_done_callback(self._ended)

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

    @property
    def is_connected(self) -> bool:
        """Whether commands can be sent now."""
        return self._call is not None and not self._is_closed

    @property
    def hello(self) -> order_entry_pb2.SessionOpened:
        """What the shard said when the stream was opened."""
        assert self._opened is not None, "a session is used within `async with`"
        return self._opened

    def check(self) -> None:
        """Tell whether something can be sent.

        Raises:
            VenueUnavailable: the stream is not connected now.
            SessionClosed: it is closed.
        """
        if self._is_closed:
            raise SessionClosed("the session is closed; nothing was sent")
        if self.error is not None:
            raise self.error
        if self._call is None:
            raise VenueUnavailable("the session is not connected now; nothing was sent")

    def submit(
        self, commands: Sequence[Command], *, is_told: bool = True, atomic: bool = False
    ) -> asyncio.Future[Results]:
        """Send commands without waiting for those before.

        Args:
            commands: with their client order ids.
            is_told: also tell their answers and failures as events.
            atomic: accept all of them or none.

        Raises:
            WavetankError: a command cannot be sent, or the stream is not there.
        """
        self.check()
        messages = [self._wire.command(command) for command in commands]
        loop = asyncio.get_running_loop()
        pending = _Pending(
            commands=tuple(commands),
            future=loop.create_future(),
            is_told=is_told,
            carried=tuple(range(len(commands))),
            is_atomic=atomic,
        )
        # Whoever does not await the future still gets the outcome as an event.
        pending.future.add_done_callback(lambda done: done.cancelled() or done.exception())
        pending.timer = loop.call_later(self._timeout, self._time_out, pending)
        self._enqueue(pending, messages)
        return pending.future

    def _enqueue(self, pending: _Pending, messages: list[order_entry_pb2.Command]) -> None:
        self._next_request_id += 1
        pending.request_id = self._next_request_id
        pending.is_written = False
        self._pending[pending.request_id] = pending
        request = order_entry_pb2.SessionRequest(
            request_id=pending.request_id, commands=messages, atomic=pending.is_atomic
        )
        self._outbox.put_nowait((pending.request_id, request))

    # --- The stream --------------------------------------------------------------------------------------------------

    async def _connect(self) -> _Call:
        call: _Call = self._stub.Session(metadata=self._connection.metadata)
        hello = order_entry_pb2.SessionRequest(
            open=order_entry_pb2.SessionOpen(
                account_id=self._asked_account_id,
                cancel_on_disconnect=self._cancel_on_disconnect,
                acknowledgement=self._acknowledgement.value,
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
            pending.sent_ns = pending.sent_ns or time.perf_counter_ns()

    def _take(self, response: order_entry_pb2.SessionResponse) -> None:
        self.seq = max(self.seq, response.seq)
        if response.provisional:
            if (foretold := self._pending.get(response.request_id)) is not None:
                self._foretell(foretold, response)
            return
        pending = self._pending.pop(response.request_id, None)
        if pending is not None:
            self._answer(pending, response)
        for message in response.events:
            event = self._wire.order_event(message)
            if event is not None:
                self.own.follow(event)
                self._tell(event)

    def _foretell(self, pending: _Pending, response: order_entry_pb2.SessionResponse) -> None:
        """Give who awaits them results that only a crash can undo; the final ones follow as events."""
        found = self._results(pending, response)
        refused_for_now = any(
            is_sent_again(pending.commands[index], result) for index, result in zip(pending.carried, found, strict=True)
        )
        if len(found) == len(pending.commands) and not refused_for_now and not pending.future.done():
            pending.is_foretold = True
            pending.future.set_result(tuple(found))

    def _results(self, pending: _Pending, response: order_entry_pb2.SessionResponse) -> list[CommandResult]:
        return [
            self._wire.result(
                result,
                pending.commands[index].instrument or self.own.instrument_of(result.order_id),
                response.seq,
                provisional=response.provisional,
            )
            for index, result in zip(pending.carried, response.results, strict=True)
        ]

    def _answer(self, pending: _Pending, response: order_entry_pb2.SessionResponse) -> None:
        if response.HasField("refusal"):
            error = refusal_error(response.refusal)
            if is_undecided(error):
                if pending.is_foretold or not pending.future.done():
                    self._fail(pending, error.message, code=error.code)
                return
            self._settle(pending, [CommandResult(refusal=error, seq=response.seq) for _ in pending.commands], error)
            return
        found = self._results(pending, response)
        if pending.results:
            for index, result in zip(pending.carried, found, strict=True):
                pending.results[index] = result
        else:
            pending.results = found
        again = tuple(index for index in pending.carried if self._is_retried(pending, index))
        if again:
            pause = CREDIT_PAUSES.seconds(pending.attempt)
            pending.attempt += 1
            pending.carried = again
            asyncio.get_running_loop().call_later(pause, self._send_again, pending)
        else:
            self._settle(pending, pending.results)

    def _is_retried(self, pending: _Pending, index: int) -> bool:
        """Tell whether a command is sent again: its credit is on another shard, and is being moved (PROTOCOL R9)."""
        return (
            pending.attempt < self._credit_retries
            and not pending.is_atomic
            and not pending.future.done()
            and is_sent_again(pending.commands[index], pending.results[index])
        )

    def _send_again(self, pending: _Pending) -> None:
        if pending.future.done():
            return
        if not self.is_connected:
            # What is known of these commands is that they were refused.
            self._settle(pending, pending.results)
            return
        self._enqueue(pending, [self._wire.command(pending.commands[index]) for index in pending.carried])

    def _settle(self, pending: _Pending, results: Sequence[CommandResult], error: WavetankError | None = None) -> None:
        if pending.timer is not None:
            pending.timer.cancel()
        answered_ns = time.perf_counter_ns()
        if not pending.future.done():
            if error is None:
                pending.future.set_result(tuple(results))
            else:
                pending.future.set_exception(error)
        now_ns = self._connection.directory.clock.now_ns()
        for command, result in zip(pending.commands, results, strict=True):
            if command.instrument and result.order_id:
                self.own.remember(result.order_id, command.instrument)
            if pending.is_told:
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
        return orders, self.own.replace(orders, seq)

    # --- Loss and return ---------------------------------------------------------------------------------------------

    def _lose(self, error: WavetankError) -> None:
        was_connected = self._call is not None
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._fail_pending(error.message)
        if was_connected and not self._is_closed:
            now_ns = self._connection.directory.clock.now_ns()
            self._tell(Disconnected(event_time_ns=now_ns, stream=self._name, cause=error.message))

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
                stream=self._name,
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
        self.error = error
        self._fail_streams(error)

    def _time_out(self, pending: _Pending) -> None:
        if pending.request_id not in self._pending:
            # It waits to be sent again: what is known of it is that it was refused.
            self._settle(pending, pending.results)
            return
        # The request stays known: if its answer comes late, it is still told as an event.
        if not pending.is_written:
            del self._pending[pending.request_id]
        self._fail(pending, f"no answer within {self._timeout} s")

    def _fail_pending(self, cause: str) -> None:
        pending, self._pending = self._pending, {}
        while not self._outbox.empty():
            self._outbox.get_nowait()
        for each in pending.values():
            if each.timer is not None:
                each.timer.cancel()
            if each.is_foretold or not each.future.done():
                self._fail(each, cause)

    def _fail(self, pending: _Pending, cause: str, *, code: int = 0) -> None:
        error: WavetankError
        if pending.is_written:
            error = OutcomeUnknown(
                f"{cause}: the commands may have been carried out or not; ask for the orders by their client_order_id",
                code=code,
            )
            error.client_order_ids = tuple(
                order.client_order_id for command in pending.commands for order in orders_of(command)
            )
        else:
            error = VenueUnavailable(f"{cause}; nothing was sent")
        if not pending.future.done():
            pending.future.set_exception(error)
        if pending.is_told:
            now_ns = self._connection.directory.clock.now_ns()
            for command in pending.commands:
                self._tell(CommandUnresolved(event_time_ns=now_ns, command=command, error=error))
