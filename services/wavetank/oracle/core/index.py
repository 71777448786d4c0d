"""The index price: the weighted median of the sources that live (ORCL-010).

It exists so that one bad source cannot move the price: half of the weight must agree. No live source gives no index;
a price is never invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wavetank.oracle.core.rounding import divide_half_even


@dataclass(frozen=True, slots=True)
class WeightedPrice:
    """The newest price of one source."""

    price_micros: int
    """Micro-dollars per unit of the base asset."""
    price_time_ns: int
    weight: int
    limit_ns: int
    """Age beyond which the source is stale."""

    def is_live(self, now_ns: int) -> bool:
        """Return whether the price is not older than its limit."""
        return now_ns - self.price_time_ns <= self.limit_ns


def index_price_micros(prices: Sequence[WeightedPrice], now_ns: int) -> int | None:
    """Return the weighted median of the live prices, or None when none lives (ORCL-010).

    Args:
        prices: one per source, in any order.
        now_ns: venue time.

    Returns:
        Micro-dollars per unit. The price at which the weight from below first exceeds half of all; where it meets
        exactly half, the mean of that price and the next, rounded half to even.

    """
    live = sorted((price.price_micros, price.weight) for price in prices if price.is_live(now_ns) and price.weight > 0)
    total = sum(weight for _, weight in live)
    below = 0
    for position, (price_micros, weight) in enumerate(live):
        below += weight
        if 2 * below > total:
            return price_micros
        if 2 * below == total:
            return divide_half_even(price_micros + live[position + 1][0], 2)
    return None
