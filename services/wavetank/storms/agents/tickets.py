"""Order tickets: a wish for size and price becomes an order that the venue can accept, or none.

Every agent writes its orders here, so that none has rules of the venue in it. Kept true: price on the grid and inside
the band around the mark as told, never worse than wished for; size at most the largest order; notional at least the
smallest, but for orders that only reduce. What the venue would refuse for want of a fresh mark is not written.
"""

from __future__ import annotations

from wavetank.model.instrument import Instrument
from wavetank.model.money import round_down_to_grid, round_up_to_grid
from wavetank.model.orders import OrderFlag, Side, TimeInForce
from wavetank.storms.agents.agent import Order, Told, Top, View

ONE_E6 = 1_000_000
# Looked up once: in an enum a member is found as slowly as a function is called, and these are needed for every order.
BUY, SELL = Side.BUY, Side.SELL
_IOC, _GTC = TimeInForce.IOC, TimeInForce.GTC
_NO_FLAGS, _POST_ONLY, _REDUCE_ONLY = OrderFlag.NONE, OrderFlag.POST_ONLY, OrderFlag.REDUCE_ONLY
_HIGHEST_TICKS = 2**31 - 1
_MOST_LOTS = 2**31 - 1


def opposite(side: Side) -> Side:
    """Return the other side."""
    return SELL if side is BUY else BUY


def signed(side: Side, lots: int) -> int:
    """Return lots as a change of the position."""
    return lots if side is BUY else -lots


def mid_ticks_doubled(top: Top) -> int:
    """Return best bid plus best ask, twice the mid, or 0 if a side is empty."""
    return top.bid_price_ticks + top.ask_price_ticks if top.bid_price_ticks and top.ask_price_ticks else 0


def away_ticks(price_ticks: int, side: Side, distance_ppm: int) -> int:
    """Return the price that is so far below one for a buy, rounded down, and above it for a sell, rounded up.

    Args:
        price_ticks: from where; in halves of ticks, so is the result.
        side: of the order.
        distance_ppm: in millionths of the price; negative is above it for a buy and below it for a sell.

    """
    if side is BUY:
        return price_ticks * (ONE_E6 - distance_ppm) // ONE_E6
    return -(-price_ticks * (ONE_E6 + distance_ppm) // ONE_E6)


def through_ticks(top: Top, side: Side, slippage_ppm: int) -> int:
    """Return the price that is so far through the other side's best, or 0 if that side is empty."""
    best_ticks = top.ask_price_ticks if side is BUY else top.bid_price_ticks
    return away_ticks(best_ticks, side, -slippage_ppm)


def taking(
    view: View, instrument: Instrument, side: Side, size_lots: int, limit_ticks: int, *, closes: bool = False
) -> Order | None:
    """Return an order that trades at once, at the limit or better, or None.

    Args:
        view: what the agent sees.
        instrument: as listed.
        side: buy or sell.
        size_lots: wished for; a larger one than the largest order is cut to it.
        limit_ticks: worst price; 0 is none, and so no order.
        closes: whether the order may only reduce; it may then be as small as a lot.

    """
    return _ticket(view, instrument, side, size_lots, limit_ticks, _IOC, _REDUCE_ONLY if closes else _NO_FLAGS)


def resting(
    view: View, instrument: Instrument, side: Side, size_lots: int, price_ticks: int, *, only: bool = True
) -> Order | None:
    """Return an order that rests at the price or behind it, or None.

    Args:
        view: what the agent sees.
        instrument: as listed.
        side: buy or sell.
        size_lots: wished for; a larger one than the largest order is cut to it.
        price_ticks: best price; 0 is none, and so no order.
        only: whether the order is refused rather than trade at once.

    """
    return _ticket(view, instrument, side, size_lots, price_ticks, _GTC, _POST_ONLY if only else _NO_FLAGS)


def closing(view: View, instrument: Instrument, slippage_ppm: int) -> Order | None:
    """Return the order that closes the position through the other side's best, or None if there is nothing to close.

    Args:
        view: what the agent sees.
        instrument: as listed.
        slippage_ppm: how far through it may trade, in millionths.

    """
    position_lots = view.position_lots(instrument.instrument_id)
    if not position_lots:
        return None
    side = SELL if position_lots > 0 else BUY
    limit_ticks = through_ticks(view.top(instrument.instrument_id), side, slippage_ppm)
    return taking(view, instrument, side, abs(position_lots), limit_ticks, closes=True)


def _ticket(
    view: View,
    instrument: Instrument,
    side: Side,
    wanted_lots: int,
    wanted_ticks: int,
    time_in_force: TimeInForce,
    flags: OrderFlag,
) -> Order | None:
    closes = flags is _REDUCE_ONLY
    told = view.told(instrument.instrument_id)
    if told is None or not told.mark_price_ticks or (told.is_stale and not closes) or wanted_ticks <= 0:
        return None
    price_ticks = _in_band_ticks(instrument, told, side, wanted_ticks)
    size_lots = min(wanted_lots, instrument.max_order_lots, _MOST_LOTS)
    if not price_ticks or size_lots <= 0:
        return None
    if not closes and size_lots * price_ticks < instrument.min_notional_micros:
        return None
    return Order(instrument.instrument_id, side, size_lots, price_ticks, time_in_force, flags)


def _in_band_ticks(instrument: Instrument, told: Told, side: Side, price_ticks: int) -> int:
    """Return the price on the grid, inside the band and no worse than wished for, or 0 if there is none."""
    mark_ticks = told.mark_price_ticks
    reach_ticks = mark_ticks * instrument.price_band_ppm // ONE_E6
    decimals, figures = instrument.size_decimals, instrument.significant_figures
    if side is BUY:
        wanted_ticks = round_down_to_grid(min(price_ticks, mark_ticks + reach_ticks, _HIGHEST_TICKS), decimals, figures)
        return wanted_ticks if wanted_ticks >= mark_ticks - reach_ticks else 0
    wanted_ticks = round_up_to_grid(max(price_ticks, mark_ticks - reach_ticks), decimals, figures)
    return wanted_ticks if wanted_ticks <= mark_ticks + reach_ticks and wanted_ticks <= _HIGHEST_TICKS else 0
