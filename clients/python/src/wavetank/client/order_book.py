"""A book order by order, as its messages tell it: who stands before whom.

It holds the queues that the venue holds, of an iceberg what it shows; an update that does not fit is refused, and says
that something was missed.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from wavetank.client.events import BookOrder, OrdersSnapshot, OrderUpdate, OrderUpdateKind
from wavetank.client.orders import Side


class OrderBook:
    """The resting orders of one instrument.

    Attributes:
        instrument: symbol.
        seq: of the last message that was applied, 0 before the first.
    """

    def __init__(self, instrument: str) -> None:
        self.instrument = instrument
        self.seq = 0
        self._orders: dict[int, BookOrder] = {}
        self._queues: dict[tuple[Side, Decimal], dict[int, None]] = {}

    def apply(self, event: OrdersSnapshot | OrderUpdate) -> bool:
        """Apply a message.

        Returns:
            False if it does not fit what was told before; the book is empty then, until a snapshot.
        """
        if isinstance(event, OrdersSnapshot):
            self.forget()
            for order in event.orders:
                self._add(order)
        elif self.seq == 0 or not self._update(event):
            self.forget()
            return False
        self.seq = event.seq
        return True

    def forget(self) -> None:
        """Empty the book, for what it held is not known to be true any more."""
        self._orders.clear()
        self._queues.clear()
        self.seq = 0

    def order(self, order_id: int) -> BookOrder | None:
        """Return an order, or None if it does not rest."""
        return self._orders.get(order_id)

    def queue(self, side: Side, price: Decimal) -> tuple[BookOrder, ...]:
        """Return the orders at a price, oldest first."""
        return tuple(self._orders[order_id] for order_id in self._queues.get((side, price), ()))

    def prices(self, side: Side) -> tuple[Decimal, ...]:
        """Return the prices of a side, best first."""
        return tuple(sorted((price for at, price in self._queues if at is side), reverse=side is Side.BUY))

    def position(self, order_id: int) -> tuple[Decimal, int] | None:
        """Return the visible size and the orders that trade before an order at its price, or None (MTCH-070)."""
        order = self._orders.get(order_id)
        if order is None:
            return None
        size = Decimal(0)
        for ahead, other_id in enumerate(self._queues[order.side, order.price]):
            if other_id == order_id:
                return size, ahead
            size += self._orders[other_id].size
        raise AssertionError("an order stands in the queue of its price")

    def _add(self, order: BookOrder) -> None:
        self._orders[order.order_id] = order
        self._queues.setdefault((order.side, order.price), {})[order.order_id] = None

    def _update(self, event: OrderUpdate) -> bool:
        known = self._orders.get(event.order_id)
        if event.kind is OrderUpdateKind.ADDED:
            if known is not None:
                return False
            self._add(
                BookOrder(order_id=event.order_id, side=event.side, price=event.price, size=event.size, own=event.own)
            )
            return True
        if known is None or (known.side, known.price) != (event.side, event.price):
            return False
        if event.size:
            self._orders[event.order_id] = replace(known, size=event.size)
            return True
        del self._orders[event.order_id]
        queue = self._queues[event.side, event.price]
        del queue[event.order_id]
        if not queue:
            del self._queues[event.side, event.price]
        return True
