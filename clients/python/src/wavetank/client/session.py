"""A session: how a program trades, on however many shards the venue has.

Each shard answers what it is sent in order, and a command goes to the shard of its instrument; what concerns several,
such as cancelling everything, goes to each of them. What happens to the account's orders comes as one stream of events.
Each shard's stream is lost and comes back by itself (`shard_session`).
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Self, TypeAlias

from wavetank.client.connection import Connection
from wavetank.client.errors import WavetankError
from wavetank.client.events import CommandAnswered, CommandUnresolved, SessionEvent
from wavetank.client.instrument import Number
from wavetank.client.order_entry import shard_of_order
from wavetank.client.orders import (
    Acknowledgement,
    AmendOrder,
    CancelAllAfter,
    CancelAllOrders,
    CancelOrder,
    Command,
    CommandResult,
    GroupKind,
    MassQuote,
    Order,
    PlaceGroup,
    PlaceOrder,
    Quote,
    SelfTradePrevention,
    Side,
    TimeInForce,
    Trigger,
    with_ids,
)
from wavetank.client.orders import client_order_id as make_client_order_id
from wavetank.client.shard_session import Results, ShardSession
from wavetank.client.streams import EventStream

_STREAM = "session"
_CAPACITY = 65_536

_Part: TypeAlias = tuple[Sequence[int], asyncio.Future[Results]]


class Session:
    """Order entry for one account; made by `Venue.session`, used with `async with`."""

    def __init__(
        self,
        connection: Connection,
        *,
        account_id: int,
        cancel_on_disconnect: bool,
        shards: Sequence[int],
        timeout: float,
        credit_retries: int,
        acknowledgement: Acknowledgement = Acknowledgement.LOGGED,
    ) -> None:
        self._connection = connection
        self._streams: list[tuple[EventStream[SessionEvent], bool]] = []
        self._shards = {
            shard: ShardSession(
                connection,
                account_id=account_id,
                cancel_on_disconnect=cancel_on_disconnect,
                shard=shard,
                name=_STREAM if len(shards) == 1 else f"{_STREAM} of shard {shard}",
                timeout=timeout,
                credit_retries=credit_retries,
                acknowledgement=acknowledgement,
                tell=self._tell,
                fail=self._fail,
            )
            for shard in shards
        }
        self._id_prefix = secrets.token_bytes(8)
        self._next_id = 0
        self._error: WavetankError | None = None

    # --- Life --------------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        try:
            for shard in self._shards.values():
                await shard.open()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the session; with cancel-on-disconnect the venue cancels the orders it placed."""
        await asyncio.gather(*(shard.close() for shard in self._shards.values()))
        for stream, _ in self._streams:
            stream.end()

    @property
    def account_id(self) -> int:
        """Account traded for."""
        return self._first.hello.account_id

    @property
    def max_commands(self) -> int:
        """Largest number of commands in one request."""
        return min(shard.hello.max_commands for shard in self._shards.values())

    @property
    def is_connected(self) -> bool:
        """Whether commands can be sent now, to every shard."""
        return all(shard.is_connected for shard in self._shards.values())

    @property
    def open_orders(self) -> tuple[Order, ...]:
        """The account's open orders, as far as this session has read."""
        return tuple(order for shard in self._shards.values() for order in shard.own.open)

    @property
    def seqs(self) -> dict[int, int]:
        """By shard, the last seq of its log that this session was told of."""
        return {number: shard.seq for number, shard in self._shards.items()}

    @property
    def _first(self) -> ShardSession:
        return next(iter(self._shards.values()))

    # --- Commands ----------------------------------------------------------------------------------------------------

    async def place(  # noqa: PLR0913 - an order has this many properties.
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
        post_only_slide: bool = False,
        display_size: Number | None = None,
        expire_time_ns: int = 0,
        self_trade_prevention: SelfTradePrevention = SelfTradePrevention.DEFAULT,
        trigger: Trigger | None = None,
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
            post_only_slide: with post-only, move behind the other side's best instead of being refused.
            display_size: of an iceberg, the most that shows at once; None shows all.
            expire_time_ns: venue time at which a GTT order ends.
            self_trade_prevention: what happens when it meets an order of the same account.
            trigger: what it waits for first.

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
                post_only_slide=post_only_slide,
                display_size=display_size,
                expire_time_ns=expire_time_ns,
                self_trade_prevention=self_trade_prevention,
                trigger=trigger,
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
        trigger_price: Number | None = None,
    ) -> CommandResult:
        """Change price, size (including what has been filled) or trigger price of an order; raises as `place`."""
        return await self._one(
            AmendOrder(
                instrument=instrument,
                order_id=order_id,
                client_order_id=client_order_id,
                price=price,
                size=size,
                trigger_price=trigger_price,
            )
        )

    async def cancel(self, *, order_id: int = 0, client_order_id: bytes = b"") -> CommandResult:
        """Cancel an order, by either id; raises as `place`."""
        return await self._one(CancelOrder(order_id=order_id, client_order_id=client_order_id))

    async def cancel_all(self, instrument: str = "", side: Side | None = None) -> int:
        """Cancel the account's open orders, of one instrument or side if given, and return how many."""
        return (await self._one(CancelAllOrders(instrument=instrument, side=side))).cancelled_orders

    async def place_group(self, kind: GroupKind, orders: Sequence[PlaceOrder]) -> CommandResult:
        """Place orders of one instrument that know of each other, all or none; raises as `place`.

        Args:
            kind: how they depend on one another.
            orders: at most 8; of a parent group the parent first. Their results stand in `results`.
        """
        return await self._one(PlaceGroup(kind=kind, orders=tuple(orders)))

    async def mass_quote(
        self, instrument: str, quotes: Sequence[Quote], *, post_only_slide: bool = False
    ) -> CommandResult:
        """Replace all own quotes of an instrument, each by itself: `results` tells what became of each.

        Args:
            instrument: symbol.
            quotes: at most 200; none cancels all. One that stands already keeps its place.
            post_only_slide: move a quote that would trade one price step back instead of refusing it.
        """
        return await self._one(MassQuote(instrument=instrument, quotes=tuple(quotes), post_only_slide=post_only_slide))

    async def cancel_all_after(self, timeout_ms: int) -> CommandResult:
        """Have all orders of the account cancelled unless this is sent again within so many milliseconds; 0 disarms."""
        return await self._one(CancelAllAfter(timeout_ms=timeout_ms))

    async def batch(self, commands: Sequence[Command], *, atomic: bool = False) -> Results:
        """Send several commands at once; each succeeds or fails by itself, and its result holds the refusal.

        Args:
            commands: those of one shard keep their order.
            atomic: all or none: places, cancels and amends of one shard that are accepted together, then run in order.

        Raises:
            ValueError: an atomic batch concerns several shards.
            OutcomeUnknown: no answer came in time.
            WavetankError: a command cannot be sent, or the whole request was refused.
        """
        return await self.submit(commands, atomic=atomic)

    def submit(self, commands: Sequence[Command], *, atomic: bool = False) -> asyncio.Future[Results]:
        """Send commands without waiting for those before; await the results now or later.

        Those of one shard keep their order, except that one which is sent again for credit comes behind later ones.

        Raises:
            WavetankError: a command cannot be sent, for instance because its price is off the grid.
            VenueUnavailable: a shard that is concerned is not connected now; nothing was sent.
            SessionClosed: the session is closed.
        """
        identified = [self._identified(command) for command in commands]
        routes = [self._shards_of(command) for command in identified]
        first = routes[0][0] if routes else next(iter(self._shards))
        if all(route == [first] for route in routes):
            return self._shards[first].submit(identified, atomic=atomic)
        if atomic:
            raise ValueError("an atomic batch is for one shard; each command names an instrument or order of it")
        for shard in sorted({shard for route in routes for shard in route}):
            self._shards[shard].check()
        parts: list[_Part] = []
        for number, stream in self._shards.items():
            own = [index for index, route in enumerate(routes) if route == [number]]
            if own:
                parts.append((own, stream.submit([identified[index] for index in own])))
        for index, route in enumerate(routes):
            if len(route) > 1:
                parts += [([index], self._shards[each].submit([identified[index]], is_told=False)) for each in route]
        task = asyncio.create_task(self._gathered(identified, routes, parts), name="wavetank session request")
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def _gathered(self, commands: Sequence[Command], routes: list[list[int]], parts: list[_Part]) -> Results:
        """Return the results of all shards in the order of the commands, and tell those that several gave."""
        sent_ns = time.perf_counter_ns()
        found: dict[int, CommandResult] = {}
        failed: dict[int, WavetankError] = {}
        for indices, future in parts:
            try:
                answered = await future
            except WavetankError as error:
                failed |= dict.fromkeys(indices, error)
                continue
            for index, result in zip(indices, answered, strict=True):
                found[index] = _together(found[index], result) if index in found else result
        now_ns = self._connection.directory.clock.now_ns()
        for index, route in enumerate(routes):
            if len(route) == 1:
                continue
            if index in failed:
                self._tell(CommandUnresolved(event_time_ns=now_ns, command=commands[index], error=failed[index]))
            else:
                self._tell(
                    CommandAnswered(
                        event_time_ns=now_ns,
                        command=commands[index],
                        result=found[index],
                        sent_ns=sent_ns,
                        answered_ns=time.perf_counter_ns(),
                    )
                )
        if failed:
            raise failed[min(failed)]
        return tuple(found[index] for index in range(len(commands)))

    def _shards_of(self, command: Command) -> list[int]:
        """Return the shards that a command concerns: that of its instrument or order, else all of them."""
        if len(self._shards) == 1:
            return list(self._shards)
        shard: int | None = None
        if command.instrument:
            shard = self._connection.directory.shard_of.get(command.instrument, 0)
        elif isinstance(command, CancelOrder):
            shard = self._shard_of_order(command.order_id, command.client_order_id)
        return [shard] if shard in self._shards else list(self._shards)

    def _shard_of_order(self, order_id: int, client_order_id: bytes) -> int | None:
        if order_id:
            return shard_of_order(order_id)
        for number, shard in self._shards.items():
            if any(order.client_order_id == client_order_id for order in shard.own.open):
                return number
        return None

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
        return with_ids(command, self._new_id)

    def _new_id(self) -> bytes:
        self._next_id += 1
        return make_client_order_id(self._id_prefix, self._next_id)

    def _fail(self, error: WavetankError) -> None:
        self._error = error
        for stream, _ in self._streams:
            stream.fail(error)

    def _tell(self, event: SessionEvent) -> None:
        is_answer = isinstance(event, (CommandAnswered, CommandUnresolved))
        for stream, answers in self._streams:
            if answers or not is_answer:
                stream.offer(event)

    def _forget_stream(self, stream: EventStream[SessionEvent]) -> None:
        self._streams = [each for each in self._streams if each[0] is not stream]


def _together(one: CommandResult, other: CommandResult) -> CommandResult:
    """Return what two shards' answers to the same command mean: done by whoever could, and counted together."""
    if one.refusal is not None:
        return other
    if other.refusal is not None:
        return one
    return replace(one, cancelled_orders=one.cancelled_orders + other.cancelled_orders)
