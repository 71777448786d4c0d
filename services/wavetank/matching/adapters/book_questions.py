"""What market data asks of the engine about single orders, in one place; read between two cycles.

Kept true: nothing here shows lots that an iceberg hides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wavetank.model.orders import InstrumentState, OrderState, Side

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wavetank.matching.core.engine import Engine
    from wavetank.matching.core.queries import KnownOrder

ALL_LEVELS = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where an order stands in its level's queue."""

    instrument_id: int
    side: int
    price_ticks: int
    lots_ahead: int
    orders_ahead: int


def shown_lots(order: KnownOrder) -> int:
    """Return the lots of a resting order that everybody may see."""
    return min(order.display_lots, order.remaining_lots) if order.display_lots else order.remaining_lots


def resting_orders(engine: Engine, instrument_id: int) -> Iterator[KnownOrder]:
    """Yield the resting orders of a book: bids, best level first, each level oldest first; then asks."""
    for side, levels in zip((Side.BUY, Side.SELL), engine.book(instrument_id, ALL_LEVELS), strict=True):
        for price_ticks, _, _ in levels:
            for order_id in engine.queue(instrument_id, side, price_ticks):
                order = engine.order(order_id)
                assert order is not None, "what stands in a queue is known"
                yield order


def place_of(engine: Engine, order_id: int) -> Place | None:
    """Return where an order stands, or None if it does not rest (MTCH-070).

    It walks the queue up to the order: the cost is that of the orders ahead of it.
    """
    order = engine.order(order_id)
    if order is None or order.state != OrderState.OPEN:
        return None
    lots = 0
    for ahead, other_id in enumerate(engine.queue(order.instrument_id, order.side, order.price_ticks)):
        if other_id == order_id:
            return Place(order.instrument_id, order.side, order.price_ticks, lots, ahead)
        other = engine.order(other_id)
        assert other is not None, "what stands in a queue is known"
        lots += shown_lots(other)
    return None


def states(engine: Engine) -> dict[int, InstrumentState]:
    """Return the state of each instrument."""
    return {instrument.instrument_id: InstrumentState(instrument.state) for instrument in engine.instruments()}
