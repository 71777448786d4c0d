"""Prices and sizes that a venue accepts: on the grid, near the mark, above the smallest notional.

Kept apart from the users because it is arithmetic, in integers, and so can be tested without a venue.
"""

from dataclasses import dataclass

from wavetank.v1 import instrument_pb2

MICROS = 1_000_000
"""Micro-dollars per dollar, and parts per million in one."""


def price_step(instrument: instrument_pb2.Instrument, price_ticks: int) -> int:
    """Return the distance in ticks between two prices of the grid near a price (UNIT-030)."""
    digits, figures = len(str(price_ticks)), instrument.significant_figures
    if figures == 0 or digits <= figures:
        return 1
    # Whole dollars are always on the grid, however many figures they have.
    return int(10 ** min(digits - figures, 6 - instrument.size_decimals))


def round_down(instrument: instrument_pb2.Instrument, price_ticks: int) -> int:
    """Return the next price of the grid at or below a price in ticks."""
    return price_ticks - price_ticks % price_step(instrument, price_ticks)


def round_up(instrument: instrument_pb2.Instrument, price_ticks: int) -> int:
    """Return the next price of the grid at or above a price in ticks."""
    step = price_step(instrument, price_ticks)
    return -(-price_ticks // step) * step


def lots_of_notional(instrument: instrument_pb2.Instrument, price_ticks: int, notional_micros: int) -> int:
    """Return the fewest lots worth a notional, and at least the instrument's smallest order (UNIT-010).

    A tick times a lot is a micro-dollar. The smallest order is met with a tenth to spare, for the venue may value it
    at a mark that has moved.
    """
    smallest_micros = instrument.min_notional_micros * 11 // 10
    return min(-(-max(notional_micros, smallest_micros) // price_ticks), instrument.max_order_lots)


@dataclass(frozen=True, slots=True)
class QuotePair:
    """A bid and an ask around a price."""

    bid_ticks: int
    ask_ticks: int


def quotes_around(instrument: instrument_pb2.Instrument, middle_ticks: int, distance_ppm: int) -> QuotePair:
    """Return a bid and an ask at a distance from a price, on the grid and at least one step apart.

    The distance is held to half the instrument's price band, so that a mark that moves meanwhile does not put the
    quotes outside it (MTCH-040).
    """
    distance = middle_ticks * min(distance_ppm, instrument.price_band_ppm // 2) // MICROS
    bid = round_down(instrument, middle_ticks - distance)
    ask = round_up(instrument, middle_ticks + distance)
    if ask == bid:
        ask = round_up(instrument, bid + price_step(instrument, bid))
    return QuotePair(bid, ask)


def crossing_price(instrument: instrument_pb2.Instrument, mark_ticks: int, side: int, slippage_ppm: int) -> int:
    """Return a limit that takes what rests within a distance of the mark, on the grid and inside the band."""
    distance = mark_ticks * min(slippage_ppm, instrument.price_band_ppm // 2) // MICROS
    if side == instrument_pb2.SIDE_BUY:
        return round_down(instrument, mark_ticks + distance)
    return round_up(instrument, mark_ticks - distance)
