"""A source that replays recorded prices at the times that they have.

It exists so that a venue lives through a real day again. A file is read and checked as a whole before anything starts;
where it has a hole that was allowed, the newest price grows old, and the core says that the source is stale.
"""

from __future__ import annotations

from dataclasses import dataclass

from wavetank.oracle.core.settings import SourceTerms
from wavetank.runtime.price_cursor import Newest, PriceCursor


@dataclass(frozen=True, slots=True)
class RecordedSource:
    """Prices of two arrays, those of a file or others."""

    symbol: str
    name: str
    terms: SourceTerms
    prices: PriceCursor

    def newest_by(self, now_ns: int) -> Newest | None:
        """Return the newest point not later than `now_ns`, or None before the first."""
        return self.prices.newest_by(now_ns)
