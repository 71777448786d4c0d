"""What the stages that close in the book share: which leg, how much, at which limit.

Legs go by the margin they relieve per expected slippage, and an order takes at most a set share of
the depth near the mark, both from the last book sample, which is part of the frozen inputs.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from wavetank.model.money import round_down_to_grid, round_up_to_grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wavetank.clearing.core.state import State
    from wavetank.clearing.core.valuation import LegValue
    from wavetank.model.events.matching import BookSampled
    from wavetank.model.instrument import Instrument

E6 = 10**6


def expected_slippage_micros(state: State, leg: LegValue) -> int:
    """Return what closing a leg would cost against its mark, at the book's impact price."""
    return slippage_micros(leg, state.books.get(leg.instrument_id), state.instruments[leg.instrument_id])


def slippage_micros(leg: LegValue, book: BookSampled | None, instrument: Instrument) -> int:
    """Return what closing a leg would cost against its mark in a book, at least 1 micro-dollar.

    A book too thin for the impact notional, or none, counts as the whole price band away.
    """
    size = abs(leg.lots)
    impact_e6 = 0 if book is None else (book.impact_bid_e6 if leg.lots > 0 else book.impact_ask_e6)
    if impact_e6 == 0:
        return max(1, size * leg.mark_price_ticks * instrument.price_band_ppm // E6)
    distance_e6 = leg.mark_price_ticks * E6 - impact_e6
    if leg.lots < 0:
        distance_e6 = -distance_e6
    return max(1, size * distance_e6 // E6)


def choose_leg(state: State, legs: Sequence[LegValue]) -> LegValue | None:
    """Return the leg that relieves most margin per expected slippage (LIQ-050); ties: lower id."""
    return most_relief(legs, lambda leg: expected_slippage_micros(state, leg))


def most_relief(legs: Sequence[LegValue], slippage_of: Callable[[LegValue], int]) -> LegValue | None:
    """Return the leg that relieves most margin per slippage, compared exactly; ties: the earlier one."""
    best: LegValue | None = None
    best_slippage = 1
    for leg in legs:
        slippage = slippage_of(leg)
        if best is None or (leg.maintenance_micros * best_slippage > best.maintenance_micros * slippage):
            best, best_slippage = leg, slippage
    return best


def depth_limit(state: State, leg: LegValue, lots: int, share_ppm: int) -> int:
    """Return how much of `lots` one order may take of the depth near the mark, at least 1 lot.

    An empty or unknown book sets no limit: the order fills nothing there anyway.
    """
    book = state.books.get(leg.instrument_id)
    if book is None:
        return lots
    depth = book.bid_depth_lots if leg.lots > 0 else book.ask_depth_lots
    return lots if depth == 0 else min(lots, max(1, depth * share_ppm // E6))


def limit_inside(state: State, leg: LegValue, price: Fraction) -> int:
    """Return the limit of an order that closes a leg no worse than `price` (LIQ-035).

    Only book limits round, to the price step, inside: a sale up, a purchase down; and a limit
    never leaves the price band around the frozen mark (INV-060).
    """
    instrument = state.instruments[leg.instrument_id]
    grid = (instrument.size_decimals, instrument.significant_figures)
    width = leg.mark_price_ticks * instrument.price_band_ppm // E6
    if leg.lots > 0:
        worst = max(-(-price.numerator // price.denominator), leg.mark_price_ticks - width, 1)
        return round_up_to_grid(worst, *grid)
    worst = min(price.numerator // price.denominator, leg.mark_price_ticks + width)
    return max(1, round_down_to_grid(max(1, worst), *grid))
