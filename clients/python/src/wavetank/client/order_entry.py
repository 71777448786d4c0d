"""Orders by single calls: for questions, for tools, and for programs that send few orders.

A program that trades opens a session instead. Orders placed here get a client order id, so a call that found the venue
gone is sent again without the danger of a second order (ORD-030).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress

from wavetank.client.connection import Backoff, Connection
from wavetank.client.errors import (
    CreditElsewhere,
    OrderUnknown,
    OutcomeUnknown,
    RequestTimedOut,
    VenueUnavailable,
    is_undecided,
)
from wavetank.client.instrument import Number
from wavetank.client.orders import (
    AmendOrder,
    CancelAllOrders,
    CancelOrder,
    Command,
    CommandResult,
    Order,
    OrderCheck,
    PlaceGroup,
    PlaceOrder,
    SelfTradePrevention,
    Side,
    TimeInForce,
    Trigger,
    orders_of,
    with_ids,
)
from wavetank.client.orders import client_order_id as make_client_order_id
from wavetank.v1 import order_entry_pb2, order_entry_pb2_grpc

CREDIT_RETRIES = 6
"""How often an order is sent again whose credit is on another shard: about a second in all."""
CREDIT_PAUSES = Backoff(first=0.02, factor=2.0, longest=0.5)
"""How long such an order waits between two attempts."""


class Orders:
    """Order entry and order questions for one account, one call each."""

    def __init__(self, connection: Connection, account_id: int = 0) -> None:
        self._connection = connection
        self._account_id = account_id

    def of(self, account_id: int) -> Orders:
        """Return the same for another account, for which the key must have scope `admin`."""
        return Orders(self._connection, account_id)

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
            client_order_id: at most 16 bytes; empty makes one.
            post_only_slide: with post-only, move behind the other side's best instead of being refused.
            display_size: of an iceberg, the most that shows at once; None shows all.
            expire_time_ns: venue time at which a GTT order ends.
            self_trade_prevention: what happens when it meets an order of the same account.
            trigger: what it waits for first.

        Raises:
            OrderRefused: in the class of its reason.
            OutcomeUnknown: no answer came; it names the client order id to ask for.
        """
        command = PlaceOrder(
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
        return (await self.send([command]))[0].accepted()

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
        """Change price, size (including what has been filled) or trigger price of one order, by either id."""
        command = AmendOrder(
            instrument=instrument,
            order_id=order_id,
            client_order_id=client_order_id,
            price=price,
            size=size,
            trigger_price=trigger_price,
        )
        return (await self.send([command]))[0].accepted()

    async def cancel(self, *, order_id: int = 0, client_order_id: bytes = b"") -> CommandResult:
        """Cancel one order, by either id."""
        order = await self.get(order_id=order_id, client_order_id=client_order_id)
        command = CancelOrder(instrument=order.instrument, order_id=order.order_id)
        return (await self.send([command]))[0].accepted()

    async def cancel_all(self, instrument: str = "", side: Side | None = None) -> int:
        """Cancel all open orders, of one instrument or side if given, and return how many."""
        command = CancelAllOrders(instrument=instrument, side=side)
        directory = self._connection.directory
        shards = [directory.shard_of.get(instrument, 0)] if instrument else sorted(directory.matching)
        return sum([(await self.send([command], shard=shard))[0].accepted().cancelled_orders for shard in shards])

    async def check(self, order: PlaceOrder) -> OrderCheck:
        """Return what would become of an order now, and place nothing (ORD-050)."""
        wire = self._connection.wire
        shard = self._connection.directory.shard_of.get(order.instrument, 0)
        request = order_entry_pb2.CheckOrderRequest(account_id=self._account_id, order=wire.place(order))
        return wire.check(await self._connection.ask(self._stub("", shard).CheckOrder, request), order.instrument)

    async def send(
        self, commands: Sequence[Command], *, shard: int | None = None, credit_retries: int = CREDIT_RETRIES
    ) -> tuple[CommandResult, ...]:
        """Send commands at once, to each shard those of its instruments; each succeeds or fails by itself.

        Args:
            commands: those of one shard are applied in order.
            shard: send all of them to this one.
            credit_retries: how often an order is sent again, with the same client order id, that a shard refused with
                `CreditElsewhere`: its credit is on another shard and is being moved; 0 to be told at once.

        Raises:
            OutcomeUnknown: no answer came.
            WavetankError: a whole request was refused.
        """
        commands = [with_ids(command, _new_id) for command in commands]
        directory = self._connection.directory
        routes: dict[int, list[int]] = {}
        for index, command in enumerate(commands):
            to = directory.shard_of.get(command.instrument, 0) if shard is None else shard
            routes.setdefault(to, []).append(index)
        found: dict[int, CommandResult] = {}
        attempt = 0
        while routes:
            for to, indices in routes.items():
                found |= zip(indices, await self._send_to(to, [commands[index] for index in indices]), strict=True)
            routes = {
                to: again
                for to, indices in routes.items()
                if (again := [index for index in indices if is_sent_again(commands[index], found[index])])
            }
            if attempt >= credit_retries:
                break
            if routes:
                await asyncio.sleep(CREDIT_PAUSES.seconds(attempt))
                attempt += 1
        return tuple(found[index] for index in range(len(commands)))

    async def _send_to(self, shard: int, commands: Sequence[Command]) -> tuple[CommandResult, ...]:
        symbols = [command.instrument for command in commands]
        request = order_entry_pb2.SendBatchRequest(
            account_id=self._account_id, commands=[self._connection.wire.command(command) for command in commands]
        )
        stub = self._stub("", shard)
        # Orders with a client order id may be sent twice; a second cancel would be told that there is no such order.
        send = (
            self._connection.ask
            if all(isinstance(each, PlaceOrder | PlaceGroup) for each in commands)
            else self._connection.change
        )
        try:
            response = await send(stub.SendBatch, request)
        except (OutcomeUnknown, RequestTimedOut, VenueUnavailable) as error:
            if error.code and not is_undecided(error):
                raise
            unknown = OutcomeUnknown(
                f"no answer came ({error.message}): the commands may have been carried out or not; "
                "ask for the orders by their client_order_id",
                code=error.code,
            )
            unknown.client_order_ids = tuple(order.client_order_id for each in commands for order in orders_of(each))
            raise unknown from error
        wire = self._connection.wire
        return tuple(
            wire.result(result, symbol, response.seq) for result, symbol in zip(response.results, symbols, strict=True)
        )

    async def get(self, *, order_id: int = 0, client_order_id: bytes = b"") -> Order:
        """Return one order, live or remembered, by either id.

        Raises:
            OrderUnknown: the venue remembers no such order.
        """
        request = order_entry_pb2.GetOrderRequest(
            account_id=self._account_id, order_id=order_id, client_order_id=client_order_id
        )
        response = await self._get(request)
        await self._connection.know([response.order.instrument_id])
        return self._connection.wire.order(response.order)

    async def _get(self, request: order_entry_pb2.GetOrderRequest) -> order_entry_pb2.GetOrderResponse:
        """Ask the shard that the venue's id names; with a client's id alone ask one after the other."""
        shards = [shard_of_order(request.order_id)] if request.order_id else sorted(self._connection.directory.matching)
        for shard in shards[:-1]:
            with suppress(OrderUnknown):
                return await self._connection.ask(self._stub("", shard).GetOrder, request)
        return await self._connection.ask(self._stub("", shards[-1]).GetOrder, request)

    async def list_open(self, instrument: str = "") -> tuple[Order, ...]:
        """Return the open orders, of one instrument if given, by order id."""
        directory = self._connection.directory
        shards = [directory.shard_of.get(instrument, 0)] if instrument else sorted(directory.matching)
        found = [await self.open_at(shard, instrument) for shard in shards]
        return tuple(order for orders, _ in found for order in orders)

    async def open_at(self, shard: int, instrument: str = "") -> tuple[tuple[Order, ...], int]:
        """Return the open orders on one shard, and the seq of its log at which they looked so."""
        wire = self._connection.wire
        response = await self._connection.ask(
            self._stub("", shard).ListOpenOrders,
            order_entry_pb2.ListOpenOrdersRequest(
                account_id=self._account_id,
                instrument_id=wire.named(instrument).instrument_id if instrument else 0,
            ),
        )
        await self._connection.know(order.instrument_id for order in response.orders)
        return tuple(wire.order(order) for order in response.orders), response.seq

    def _stub(self, symbol: str, shard: int) -> order_entry_pb2_grpc.OrderEntryServiceAsyncStub:
        directory = self._connection.directory
        address = directory.matching[directory.shard_of.get(symbol, shard)]
        return order_entry_pb2_grpc.OrderEntryServiceStub(self._connection.channel(address))


def is_sent_again(command: Command, result: CommandResult) -> bool:
    """Tell whether a command's refusal is for now only, because its credit is on another shard (PROTOCOL R9)."""
    return isinstance(result.refusal, CreditElsewhere) and isinstance(command, PlaceOrder | AmendOrder)


def shard_of_order(order_id: int) -> int:
    """Return the shard that gave an order its id: the venue's ids begin with the shard, counted from 1."""
    return max(0, (order_id >> 48) - 1)


def _new_id() -> bytes:
    return make_client_order_id(secrets.token_bytes(8), 0)
