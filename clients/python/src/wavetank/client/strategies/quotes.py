"""Resting quotes, kept where a strategy wants them with as few messages as possible.

Each quote has a slot: a side and a level. A slot knows whether its order is on its way, in the book, or being changed,
and while a command is under way it waits for the answer, so that no two commands contradict one another. A quote that
moved less than a threshold stays, for every amendment of a price costs its place in the queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from wavetank.client.errors import OrderUnknown, OutcomeUnknown
from wavetank.client.events import CommandAnswered, CommandUnresolved, Fill, OrderCancelled, Reconnected
from wavetank.client.orders import AmendOrder, CancelOrder, OrderState, PlaceOrder, Side, client_order_id
from wavetank.client.strategy import StrategyCommand

Slot: TypeAlias = tuple[Side, int]
"""A side and a level, 0 for the innermost."""

_BPS = Decimal(10_000)
_OF_ONE_ORDER = (PlaceOrder, AmendOrder, CancelOrder)


@dataclass(slots=True)
class _Resting:
    """An own order that is, or may be, in the book."""

    client_order_id: bytes
    price: Decimal
    remaining: Decimal
    reduce_only: bool
    is_awaited: bool = True
    """Whether a command about it has not been answered yet."""
    filled: Decimal = Decimal(0)


class Quotes:
    """The quotes of one strategy in one instrument.

    Args:
        instrument: symbol.
        order_id_prefix: 8 bytes that make client order ids unique.
        price_threshold_bps: a price that moved less stays.
        size_threshold: a remaining size that differs less, as a share of what is wanted, stays.
        refusal_pause_ns: venue time for which a slot rests after a refusal.
    """

    def __init__(
        self,
        instrument: str,
        *,
        order_id_prefix: bytes,
        price_threshold_bps: float,
        size_threshold: float,
        refusal_pause_ns: int,
    ) -> None:
        self._instrument = instrument
        self._prefix = order_id_prefix
        self._price_threshold = Decimal(str(price_threshold_bps)) / _BPS
        self._size_threshold = Decimal(str(size_threshold))
        self._refusal_pause_ns = refusal_pause_ns
        self._counter = 0
        self._slots: dict[Slot, _Resting] = {}
        self._slot_of: dict[bytes, Slot] = {}
        self._paused_until_ns: dict[Slot, int] = {}

    @property
    def resting(self) -> Mapping[Slot, tuple[Decimal, Decimal]]:
        """Price and remaining size of every quote that is, or may be, in the book."""
        return {slot: (order.price, order.remaining) for slot, order in self._slots.items()}

    def steer(
        self, wanted: Mapping[Slot, tuple[Decimal, Decimal]], now_ns: int, *, reduce_only: bool
    ) -> list[StrategyCommand]:
        """Return the commands that bring the quotes to where they are wanted: cancels, then amendments, then orders.

        Args:
            wanted: price and size of each quote, dollars and units of the base asset.
            now_ns: venue time.
            reduce_only: whether quotes may only reduce the position.
        """
        cancels: list[StrategyCommand] = []
        amendments: list[StrategyCommand] = []
        orders: list[StrategyCommand] = []
        for slot, order in self._slots.items():
            if order.is_awaited:
                continue
            quote = wanted.get(slot)
            if quote is None or reduce_only != order.reduce_only:
                order.is_awaited = True
                cancels.append(CancelOrder(instrument=self._instrument, client_order_id=order.client_order_id))
            elif now_ns >= self._paused_until_ns.get(slot, 0) and self._differs(order, *quote):
                price, size = quote
                order.is_awaited = True
                amendments.append(
                    AmendOrder(
                        instrument=self._instrument,
                        client_order_id=order.client_order_id,
                        price=None if price == order.price else price,
                        size=order.filled + size,
                    )
                )
        for slot, (price, size) in wanted.items():
            if slot not in self._slots and now_ns >= self._paused_until_ns.get(slot, 0):
                orders.append(self._place(slot, price, size, reduce_only=reduce_only))
        return [*cancels, *amendments, *orders]

    def _differs(self, order: _Resting, price: Decimal, size: Decimal) -> bool:
        return (
            abs(price - order.price) > self._price_threshold * order.price
            or abs(size - order.remaining) > self._size_threshold * size
        )

    def _place(self, slot: Slot, price: Decimal, size: Decimal, *, reduce_only: bool) -> PlaceOrder:
        self._counter += 1
        identifier = client_order_id(self._prefix, self._counter)
        self._slots[slot] = _Resting(identifier, price, size, reduce_only)
        self._slot_of[identifier] = slot
        return PlaceOrder(
            instrument=self._instrument,
            side=slot[0],
            size=size,
            price=price,
            post_only=True,
            reduce_only=reduce_only,
            client_order_id=identifier,
        )

    def on_fill(self, fill: Fill) -> None:
        """Take note of a fill."""
        slot = self._slot_of.get(fill.client_order_id)
        if slot is None:
            return
        order = self._slots[slot]
        order.filled += fill.size
        order.remaining = fill.remaining_size
        if not fill.remaining_size:
            self._free(fill.client_order_id)

    def on_answer(self, event: CommandAnswered) -> None:
        """Take note of an answer."""
        command, result = event.command, event.result
        if not isinstance(command, _OF_ONE_ORDER):
            return
        slot = self._slot_of.get(command.client_order_id)
        if slot is None:
            return
        order = self._slots[slot]
        if result.refusal is not None:
            self._paused_until_ns[slot] = event.event_time_ns + self._refusal_pause_ns
            if isinstance(command, PlaceOrder) or isinstance(result.refusal, OrderUnknown):
                self._free(command.client_order_id)
            else:
                order.is_awaited = False
            return
        if result.state is not OrderState.OPEN:
            self._free(command.client_order_id)
            return
        order.is_awaited = False
        order.filled, order.remaining = result.filled_size, result.remaining_size
        if isinstance(command, AmendOrder) and command.price is not None:
            order.price = Decimal(command.price)

    def on_unresolved(self, event: CommandUnresolved) -> None:
        """Take note that a command got no answer."""
        command = event.command
        if not isinstance(command, _OF_ONE_ORDER):
            return
        slot = self._slot_of.get(command.client_order_id)
        if slot is None:
            return
        self._paused_until_ns[slot] = event.event_time_ns + self._refusal_pause_ns
        if isinstance(command, PlaceOrder) and not isinstance(event.error, OutcomeUnknown):
            self._free(command.client_order_id)
        else:
            # It may be in the book: the next steering amends or cancels it, and a refusal then frees the slot.
            self._slots[slot].is_awaited = False

    def on_cancel(self, event: OrderCancelled) -> None:
        """Take note that an order ended."""
        self._free(event.order.client_order_id)

    def on_return(self, event: Reconnected) -> None:
        """Take note of which orders are in the book after a break."""
        found = {order.client_order_id: order for order in event.open_orders}
        for identifier, slot in list(self._slot_of.items()):
            order = found.get(identifier)
            if order is None:
                self._free(identifier)
            else:
                resting = self._slots[slot]
                resting.is_awaited, resting.price = False, order.price
                resting.remaining, resting.filled = order.remaining_size, order.filled_size

    def _free(self, identifier: bytes) -> None:
        slot = self._slot_of.pop(identifier, None)
        if slot is not None:
            del self._slots[slot]
