"""The index price: the weighted median of the sources that live, and how sure it is (ORCL-010, ORCL-030).

It exists so that one bad source cannot move the price: half of the weight must agree, and who is far from the others is
not asked. No live source gives no index; a price is never invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from wavetank.model.events.oracle import SourceStanding
from wavetank.oracle.core.rounding import divide_half_even

PPM = 1_000_000
LEAST_JUDGES = 3
"""With fewer live sources nobody can say which of them is the outlier."""


class Aggregation(IntEnum):
    """How prices of sources become one."""

    MEDIAN = 1
    MEAN = 2
    """Weighted; one bad source moves it by its share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexTerms:
    """How an index is made."""

    aggregation: Aggregation = Aggregation.MEDIAN
    outlier_ppm: int = 50_000
    """Largest distance from the median of the live sources, as a share of it; 0 calls nobody an outlier."""
    min_sources: int = 1
    """With fewer sources that count there is no index."""


@dataclass(frozen=True, slots=True)
class WeightedPrice:
    """The newest price of one source."""

    price_micros: int
    """Micro-dollars per unit of the base asset."""
    price_time_ns: int
    weight: int
    limit_ns: int
    """Age beyond which the source is stale."""
    confidence_micros: int = 0
    """How far off it may be, as the source says."""

    def is_live(self, now_ns: int) -> bool:
        """Return whether the price is not older than its limit."""
        return self.weight > 0 and now_ns - self.price_time_ns <= self.limit_ns


class Weighed(NamedTuple):
    """An index; micro-dollars per unit."""

    index_micros: int
    confidence_micros: int
    """The larger of two distances: from the index to the further weighted quartile of the prices, and the weighted
    median of what the sources say of themselves."""


def weighed(
    prices: Sequence[WeightedPrice], terms: IndexTerms, now_ns: int
) -> tuple[Weighed | None, list[SourceStanding]]:
    """Return the index, or None when too few sources count, and how each source stands (ORCL-010).

    Args:
        prices: one per source, in any order.
        terms: how the index is made.
        now_ns: venue time.

    """
    standings = [SourceStanding.LIVE if price.is_live(now_ns) else SourceStanding.STALE for price in prices]
    live = [price for price, standing in zip(prices, standings, strict=True) if standing is SourceStanding.LIVE]
    if len(live) == 1 == terms.min_sources:
        # The usual case of a small venue; all below would say the same.
        return Weighed(live[0].price_micros, live[0].confidence_micros), standings
    if terms.outlier_ppm and len(live) >= LEAST_JUDGES:
        middle = median_micros([(price.price_micros, price.weight) for price in live])
        for position, price in enumerate(prices):
            is_far = abs(price.price_micros - middle) * PPM > abs(middle) * terms.outlier_ppm
            if is_far and standings[position] is SourceStanding.LIVE:
                standings[position] = SourceStanding.OUTLIER
        live = [price for price, standing in zip(prices, standings, strict=True) if standing is SourceStanding.LIVE]
    if len(live) < max(1, terms.min_sources):
        return None, standings
    shares = sorted((price.price_micros, price.weight) for price in live)
    index = median_micros(shares) if terms.aggregation is Aggregation.MEDIAN else _mean(shares)
    lower, upper = _quartiles(shares)
    own = median_micros([(price.confidence_micros, price.weight) for price in live])
    return Weighed(index, max(abs(index - lower), abs(upper - index), own)), standings


def index_price_micros(prices: Sequence[WeightedPrice], now_ns: int) -> int | None:
    """Return the weighted median of the live prices, or None when none lives (ORCL-010).

    Args:
        prices: one per source, in any order.
        now_ns: venue time.

    """
    live = [(price.price_micros, price.weight) for price in prices if price.is_live(now_ns)]
    return median_micros(live) if live else None


def median_micros(shares: Sequence[tuple[int, int]]) -> int:
    """Return the weighted median.

    The amount at which the weight from below first exceeds half of all; where it meets exactly half, the mean of that
    amount and the next, rounded half to even.

    Args:
        shares: amounts and their positive weights, at least one, in any order.

    """
    assert shares, "the median of nothing was asked for"
    ordered = sorted(shares)
    total = sum(weight for _, weight in ordered)
    below = 0
    for position, (amount, weight) in enumerate(ordered):
        below += weight
        if 2 * below > total:
            return amount
        if 2 * below == total:
            return divide_half_even(amount + ordered[position + 1][0], 2)
    raise AssertionError("weights are positive, so half of them is passed")


def _mean(shares: Sequence[tuple[int, int]]) -> int:
    return divide_half_even(sum(amount * weight for amount, weight in shares), sum(weight for _, weight in shares))


def _quartiles(ordered: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """Return the first amount with a quarter of the weight at or below it, and the last with a quarter at or above."""
    return _quarter(ordered), _quarter(ordered[::-1])


def _quarter(ordered: Sequence[tuple[int, int]]) -> int:
    total = sum(weight for _, weight in ordered)
    passed = 0
    for amount, weight in ordered:
        passed += weight
        if 4 * passed >= total:
            return amount
    raise AssertionError("weights are positive, so a quarter of them is passed")
