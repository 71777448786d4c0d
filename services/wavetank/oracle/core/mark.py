"""The mark price: what positions are valued and liquidated at (ORCL-020).

It exists so that neither the index alone (which does not know what the perpetual costs) nor the book alone (which a
single account can move) decides. All terms are micro-ticks: ticks times 10^6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wavetank.oracle.core.rounding import divide_half_even

TICK_E6 = 1_000_000
"""Micro-ticks in a tick."""


@dataclass(frozen=True, slots=True)
class Book:
    """Top of the shard's book at a sampling time; 0 is none."""

    bid_price_ticks: int
    ask_price_ticks: int
    last_price_ticks: int

    @property
    def mid_e6(self) -> int | None:
        """Mid of best bid and best ask, exact, or None when a side is empty."""
        if self.bid_price_ticks <= 0 or self.ask_price_ticks <= 0:
            return None
        return (self.bid_price_ticks + self.ask_price_ticks) * (TICK_E6 // 2)

    @property
    def median_e6(self) -> int | None:
        """Median of best bid, best ask and last; their mid before the first trade; None when a side is empty.

        A book with one side is no opinion: whoever quotes alone would set the price alone.
        """
        if self.mid_e6 is None or self.last_price_ticks <= 0:
            return self.mid_e6
        return sorted((self.bid_price_ticks, self.ask_price_ticks, self.last_price_ticks))[1] * TICK_E6


def median_e6(values: Sequence[int]) -> int:
    """Return the median of one or more values; of an even number the mean of the middle two, half to even."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return divide_half_even(ordered[middle - 1] + ordered[middle], 2)


def mark_price_ticks(
    *,
    basis_term_e6: int | None,
    book_term_e6: int | None,
    perp_term_e6: int | None,
    book_average_e6: int | None,
) -> int | None:
    """Return the mark price, or None when no term is left or the result is not positive (ORCL-020).

    Args:
        basis_term_e6: index plus the average of mid minus index.
        book_term_e6: median of best bid, best ask and last.
        perp_term_e6: mid of the external perpetual.
        book_average_e6: 30 s average of the book term; it joins when there are two terms, the book's among them.

    """
    terms = [term for term in (basis_term_e6, book_term_e6, perp_term_e6) if term is not None]
    if len(terms) == 2 and book_term_e6 is not None and book_average_e6 is not None:  # noqa: PLR2004 (the rule's two)
        terms.append(book_average_e6)
    if not terms:
        return None
    ticks = divide_half_even(median_e6(terms), TICK_E6)
    return ticks if ticks > 0 else None
