"""The account's open orders, as far as a session has read.

A session keeps them for two reasons: to know in which instrument's units the venue speaks of an order that is named by
its id alone, and to find out, after a lost connection, which orders ended unseen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from wavetank.client.events import (
    DeadManMoved,
    Fill,
    OrderAccepted,
    OrderActivated,
    OrderAmended,
    OrderCancelled,
    OrderTriggered,
)
from wavetank.client.orders import Order

_REMEMBERED = 65_536


class OwnOrders:
    """Open orders by the venue's id, and the instruments of those that were open lately."""

    def __init__(self) -> None:
        self._open: dict[int, Order] = {}
        self._instrument_of: dict[int, str] = {}
        self._listed_seq = 0

    @property
    def open(self) -> tuple[Order, ...]:
        """The open orders."""
        return tuple(self._open.values())

    def instrument_of(self, order_id: int) -> str:
        """Return the symbol of an order, empty if it is not known."""
        return self._instrument_of.get(order_id, "")

    def remember(self, order_id: int, instrument: str) -> None:
        """Take note of an order's instrument."""
        self._instrument_of[order_id] = instrument
        if len(self._instrument_of) > _REMEMBERED:
            del self._instrument_of[next(iter(self._instrument_of))]

    def replace(self, orders: Iterable[Order], seq: int) -> tuple[Order, ...]:
        """Hold these from now on, as read at a seq, and return those that were open before and are not any more."""
        before = self._open
        self._open = {order.order_id: order for order in orders}
        self._listed_seq = seq
        for order in self._open.values():
            self.remember(order.order_id, order.instrument)
        return tuple(order for order_id, order in sorted(before.items()) if order_id not in self._open)

    def follow(
        self,
        event: OrderAccepted | OrderAmended | OrderCancelled | OrderTriggered | OrderActivated | DeadManMoved | Fill,
    ) -> None:
        """Take over what happened to an order."""
        if isinstance(event, Fill):
            self._follow_fill(event)
            return
        if isinstance(event, DeadManMoved):
            return
        order = event.order
        self.remember(order.order_id, order.instrument)
        if order.state.is_live:
            self._open[order.order_id] = order
        else:
            self._open.pop(order.order_id, None)

    def _follow_fill(self, fill: Fill) -> None:
        known = self._open.get(fill.order_id)
        # What happened before the orders were read again is in them already.
        if known is None or fill.seq <= self._listed_seq:
            return
        if not fill.remaining_size:
            del self._open[fill.order_id]
            return
        self._open[fill.order_id] = replace(
            known,
            remaining_size=fill.remaining_size,
            filled_size=known.filled_size + fill.size,
            filled_value=known.filled_value + fill.size * fill.price,
        )
