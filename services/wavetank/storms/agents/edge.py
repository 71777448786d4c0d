"""The edge of a quote: how wrong a price must be before taking it pays.

Informed traders and arbitrageurs reckon alike and differ only in what they believe the fair price to be. Kept true: at
the limits returned here, and at every better price, the edge exceeds the cost; at the next tick it does not.
"""

from __future__ import annotations

from wavetank.model.instrument import Instrument
from wavetank.model.orders import Side
from wavetank.storms.agents.agent import Order, View
from wavetank.storms.agents.tickets import ONE_E6, signed, taking


def dearest_buy_ticks(fair_ticks: int, cost_ppm: int) -> int:
    """Return the highest price at which `fair - price > price · cost`."""
    return (fair_ticks * ONE_E6 - 1) // (ONE_E6 + cost_ppm)


def cheapest_sale_ticks(fair_ticks: int, cost_ppm: int) -> int:
    """Return the lowest price at which `price - fair > price · cost`; the cost is below a million."""
    return fair_ticks * ONE_E6 // (ONE_E6 - cost_ppm) + 1


def pick(
    view: View, instrument: Instrument, fair_ticks: int, cost_ppm: int, clip_micros: int, most_micros: int
) -> Order | None:
    """Return the order that takes quotes with an edge, or None.

    Args:
        view: what the agent sees.
        instrument: as listed.
        fair_ticks: what it believes the price to be.
        cost_ppm: what an edge must exceed, in millionths of the price.
        clip_micros: largest order.
        most_micros: largest position, long or short.

    """
    top = view.top(instrument.instrument_id)
    if 0 < top.ask_price_ticks <= (limit_ticks := dearest_buy_ticks(fair_ticks, cost_ppm)):
        side = Side.BUY
    elif top.bid_price_ticks >= (limit_ticks := cheapest_sale_ticks(fair_ticks, cost_ppm)):
        side = Side.SELL
    else:
        return None
    room_lots = most_micros // fair_ticks - signed(side, view.position_lots(instrument.instrument_id))
    return taking(view, instrument, side, min(clip_micros // fair_ticks, room_lots), limit_ticks)
