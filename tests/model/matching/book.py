"""Books: who queues where, what shows, and which prices a limit may have."""

from __future__ import annotations

import math
from fractions import Fraction

from tests.model.matching.state import BUY, MAX_PRICE, Order, Shard, other_side
from wavetank.model.instrument import Instrument
from wavetank.model.orders import GroupKind, SelfTradePrevention


def queue(shard: Shard, instrument_id: int, side: int) -> list[Order]:
    """Return the resting orders of a side: best price first, then oldest first."""
    resting = [o for o in shard.orders if o.resting and o.instrument_id == instrument_id and o.side == side]
    return sorted(resting, key=lambda o: (-o.price if side == BUY else o.price, o.priority))


def crosses(side: int, limit: int, price: int) -> bool:
    return price <= limit if side == BUY else price >= limit


def rest(shard: Shard, order: Order) -> None:
    """Put an order at the end of its queue, and show what of it may be seen."""
    shard.priorities += 1
    order.priority = shard.priorities
    order.resting = True
    order.visible = min(order.ask.display_lots or order.remaining, order.remaining)


def shrink(order: Order, remaining: int) -> None:
    """Make an order smaller; a resting one keeps its place."""
    order.remaining = remaining
    order.visible = min(order.visible, remaining)


def grid_step(instrument: Instrument, price: int) -> int:
    """Return the least power of ten up to a dollar that leaves at most the significant figures."""
    step = 1
    while (
        instrument.significant_figures
        and price // step >= 10**instrument.significant_figures
        and step < instrument.ticks_per_dollar
    ):
        step *= 10
    return step


def on_grid(shard: Shard, instrument_id: int, side: int, price: int) -> int:
    """Return the price, or the next one on the grid: buys down, sells up."""
    step = grid_step(shard.instruments[instrument_id], price)
    return price // step * step if side == BUY else -(-price // step) * step


def is_in_band(shard: Shard, instrument_id: int, price: int) -> bool:
    mark = shard.marks[instrument_id][0]
    return abs(price - mark) * 10**6 <= mark * shard.instruments[instrument_id].price_band_ppm


def band_edge(shard: Shard, instrument_id: int, side: int, ppm: int) -> int:
    """Return the furthest price of a side within so much of the mark."""
    mark = shard.marks[instrument_id][0]
    reach = mark * ppm // 10**6
    edge = min(mark + reach, MAX_PRICE) if side == BUY else max(mark - reach, 1)
    return on_grid(shard, instrument_id, side, edge)


def slid(shard: Shard, order: Order, best: int) -> int | None:
    """Return the best price on the grid that does not cross the other side's best, or None."""
    price = on_grid(shard, order.instrument_id, order.side, best - 1 if order.side == BUY else best + 1)
    return price if 1 <= price <= MAX_PRICE and is_in_band(shard, order.instrument_id, price) else None


def certain(shard: Shard, order: Order) -> tuple[int, int]:
    """Return lots and value that an order is certain to trade at once, as far as it wants.

    Its own account's orders will not trade. A reduce-only order of an account with other orders on that side may
    shrink while those trade. Of orders that cancel one another only the first can.
    """
    lots = value = 0
    groups_met: set[int] = set()
    for other in queue(shard, order.instrument_id, other_side(order.side)):
        if not crosses(order.side, order.price, other.price):
            break
        if other.account_id == order.account_id:
            if order.self_trade == SelfTradePrevention.EXPIRE_MAKER:
                continue
            break
        if other.group_kind == GroupKind.ONE_CANCELS_OTHER:
            if other.group_id in groups_met:
                continue
            groups_met.add(other.group_id)
        beside = shard.working(other.account_id, other.instrument_id, other.side)
        if other.reduces and any(not o.reduces for o in beside):
            continue
        taken = min(other.remaining, order.remaining - lots)
        lots += taken
        value += taken * other.price
    return lots, value


def queue_position(shard: Shard, order_id: int) -> tuple[int, int] | None:
    """Return visible lots and orders ahead of a resting order at its price (MTCH-070)."""
    order = next((o for o in shard.orders if o.order_id == order_id and o.resting), None)
    if order is None:
        return None
    level = [o for o in queue(shard, order.instrument_id, order.side) if o.price == order.price]
    ahead = level[: level.index(order)]
    return sum(o.visible for o in ahead), len(ahead)


def levels(resting: list[Order]) -> list[tuple[int, int, int]]:
    """Return (price, visible lots, orders) of each price of a queue."""
    return [
        (price, sum(o.visible for o in resting if o.price == price), len([o for o in resting if o.price == price]))
        for price in dict.fromkeys(order.price for order in resting)
    ]


def impact_e6(shard: Shard, instrument_id: int, side: int) -> int:
    """Return notional / lots it takes, times 10^6; Python rounds a Fraction half to even."""
    notional = shard.instruments[instrument_id].impact_notional_micros
    left, lots = Fraction(notional), Fraction(0)
    for order in queue(shard, instrument_id, side):
        taken = min(Fraction(order.visible), left / order.price)
        lots += taken
        left -= taken * order.price
    return round(notional / lots * 10**6) if left == 0 else 0


def depth_lots(shard: Shard, instrument_id: int, side: int) -> int:
    """Return the visible lots of a side no further from the mark than the depth band, 0 without a mark."""
    mark = shard.marks.get(instrument_id, (0, False))[0]
    reach = math.floor(Fraction(mark * shard.settings.depth_band_ppm, 10**6))
    edge = mark - reach if side == BUY else mark + reach
    return sum(
        o.visible for o in queue(shard, instrument_id, side) if mark and crosses(other_side(side), edge, o.price)
    )
