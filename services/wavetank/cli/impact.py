"""What a market order costs against the middle of the book, exactly: the impact curve I(Q) and its mean.

I(Q) is the average price at which Q lots fill at once, less the mid for a purchase and the other way round for a sale.
A book changes from moment to moment, so what it will cost to unwind is a mean over its states, each weighted with the
time it lasts; states at random arrivals have just these weights. Kept true: whole numbers and ratios of them only, and
a book too thin for Q has no average price, so it is counted, never guessed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Taking(StrEnum):
    """What a market order does."""

    SELL = "sell"
    """Unwind a long position into the bids."""
    BUY = "buy"
    """Unwind a short position from the asks."""


@dataclass(frozen=True, slots=True)
class BookState:
    """A book at one moment: (price in ticks, lots) of each level, best first."""

    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


def fill_value_micros(levels: Sequence[tuple[int, int]], size_lots: int) -> int | None:
    """Return the value at which a market order fills, in micro-dollars, or None if the levels hold too little.

    One tick times one lot is one micro-dollar (UNIT-010).
    """
    value, left = 0, size_lots
    for price_ticks, lots in levels:
        taken = min(left, lots)
        value += taken * price_ticks
        left -= taken
        if left == 0:
            return value
    return None


def impact_ticks(book: BookState, taking: Taking, size_lots: int) -> Fraction | None:
    """Return I(Q) in ticks per lot, exact; positive is a cost.

    Args:
        book: the book.
        taking: which side the order takes.
        size_lots: Q, at least 1.

    Returns:
        None if the book is too thin for Q, or has no mid because a side is empty.

    """
    if not book.bids or not book.asks:
        return None
    value = fill_value_micros(book.bids if taking is Taking.SELL else book.asks, size_lots)
    if value is None:
        return None
    mid = Fraction(book.bids[0][0] + book.asks[0][0], 2)
    average = Fraction(value, size_lots)
    return mid - average if taking is Taking.SELL else average - mid


@dataclass(frozen=True, slots=True)
class ExpectedImpact:
    """E[I(Q)] over the states that could fill Q."""

    taking: Taking
    size_lots: int
    samples: int
    """States that were looked at."""
    too_thin: int
    """States that could not fill Q, or had no mid; they are in no mean."""
    mean_ticks: Fraction | None
    """Mean of I(Q) in ticks per lot; None if no state could fill Q."""
    worst_ticks: Fraction | None
    mean_share: Fraction | None
    """Mean of I(Q) over the mid of the same state."""

    @property
    def mean_cost_micros(self) -> Fraction | None:
        """Mean cost of the whole order against mid, in micro-dollars."""
        return None if self.mean_ticks is None else self.mean_ticks * self.size_lots


class ImpactCurve:
    """Means of I(Q) over states that come one after the other, for some sizes on both sides."""

    def __init__(self, orders: Sequence[tuple[Taking, int]]) -> None:
        """Begin without a state.

        Args:
            orders: what is taken, and how many lots (at least 1), of each point of the curve.

        """
        self._orders = tuple(orders)
        self._samples = 0
        self._impacts: list[list[Fraction]] = [[] for _ in self._orders]
        self._shares: list[Fraction] = [Fraction(0)] * len(self._orders)

    def add(self, book: BookState) -> None:
        """Look at one state."""
        self._samples += 1
        for index, (taking, size_lots) in enumerate(self._orders):
            impact = impact_ticks(book, taking, size_lots)
            if impact is not None:
                self._impacts[index].append(impact)
                self._shares[index] += impact * 2 / (book.bids[0][0] + book.asks[0][0])

    def points(self) -> list[ExpectedImpact]:
        """Return the means so far, in the order of the orders."""
        return [
            ExpectedImpact(
                taking=taking,
                size_lots=size_lots,
                samples=self._samples,
                too_thin=self._samples - len(impacts),
                mean_ticks=sum(impacts, Fraction(0)) / len(impacts) if impacts else None,
                worst_ticks=max(impacts, default=None),
                mean_share=share / len(impacts) if impacts else None,
            )
            for (taking, size_lots), impacts, share in zip(self._orders, self._impacts, self._shares, strict=True)
        ]
