"""Funding: what longs pay shorts, so that the perpetual stays near its index (FUND-010, FUND-020).

It exists once, for the running prediction and for the tick that is paid. Rates and premiums are `_e12` (10^-12);
each rate is divided once, at its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wavetank.oracle.core.mark import TICK_E6
from wavetank.oracle.core.rounding import divide_half_even, divide_towards_zero

ONE_E12 = 1_000_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingTerms:
    """How a premium becomes a rate (FUND-020)."""

    interest_e12: int = 100_000_000
    """Interest of the period, 0.01 % per 8 hours."""
    clamp_e12: int | None = 500_000_000
    """Most by which the rate is drawn from the premium towards the interest, 0.05 %; None: not at all."""
    divisor: int = 8
    """Intervals in the period."""


def impact_price_e6(levels: Iterable[tuple[int, int]], impact_notional_micros: int) -> int:
    """Return the average price of trading the impact notional against one side of a book (FUND-010).

    Args:
        levels: price in ticks and size in lots, the best first.
        impact_notional_micros: value to trade; one tick times one lot is one micro-dollar.

    Returns:
        Micro-ticks, rounded down; 0 when the side is too thin.

    """
    lots, left = 0, impact_notional_micros
    for price_ticks, size_lots in levels:
        value = price_ticks * size_lots
        if value >= left:
            # The rest takes `left/price` lots of this level, so the average is notional / (lots + left/price).
            return impact_notional_micros * price_ticks * TICK_E6 // (lots * price_ticks + left)
        lots += size_lots
        left -= value
    return 0


def premium_e12(*, index_e6: int, impact_bid_e6: int, impact_ask_e6: int) -> int:
    """Return `[max(impact_bid − index, 0) − max(index − impact_ask, 0)] / index`, towards zero (FUND-010).

    Args:
        index_e6: index price in micro-ticks, positive.
        impact_bid_e6: average price of selling the impact notional; 0, too thin, contributes nothing.
        impact_ask_e6: average price of buying it; the same.

    """
    above = max(impact_bid_e6 - index_e6, 0) if impact_bid_e6 > 0 else 0
    below = max(index_e6 - impact_ask_e6, 0) if impact_ask_e6 > 0 else 0
    return divide_towards_zero((above - below) * ONE_E12, index_e6)


def average_premium_e12(premium_sum_e12: int, samples: int) -> int:
    """Return the mean of the samples, half to even; 0 of none."""
    return divide_half_even(premium_sum_e12, samples) if samples else 0


def funding_rate_e12(
    terms: FundingTerms, *, premium_sum_e12: int, samples: int, added_e12: int = 0, cap_e12: int | None = None
) -> int:
    """Return the rate of one interval (FUND-020).

    Args:
        terms: interest, clamp and divisor.
        premium_sum_e12: sum of the premium samples.
        samples: how many; 0 gives no rate of its own.
        added_e12: what funding faults add, before the cap.
        cap_e12: largest absolute rate of an interval; None for none.

    Returns:
        The rate, positive when longs pay; rounded half to even once, after the only division.

    """
    rate = 0
    if samples:
        drawn = 0
        if terms.clamp_e12 is not None:
            bound = terms.clamp_e12 * samples
            drawn = max(-bound, min(bound, terms.interest_e12 * samples - premium_sum_e12))
        rate = divide_half_even(premium_sum_e12 + drawn, samples * terms.divisor)
    rate += added_e12
    return rate if cap_e12 is None else max(-cap_e12, min(cap_e12, rate))


def is_payable(samples: int, expected_samples: int) -> bool:
    """Return whether at least half of the expected samples were there (FUND-020)."""
    return samples > 0 and 2 * samples >= expected_samples
