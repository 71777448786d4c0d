"""What-if and contagion on paper: Fractions, dictionaries, one account after the other, no cleverness."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

from tests.model.margin import initial_micros, maintenance_micros
from wavetank.model.instrument import Instrument


@dataclass
class PaperAccount:
    """Cash, and by instrument id signed lots and what they cost."""

    cash: int
    lots: dict[int, int] = field(default_factory=dict)
    cost: dict[int, int] = field(default_factory=dict)
    leverages: dict[int, int] = field(default_factory=dict)
    """By instrument, those that it has chosen."""
    collateral: dict[int, int] = field(default_factory=dict)
    """Lots by asset."""


@dataclass
class PaperVenue:
    """Instruments, present marks, and by instrument the impact prices (bid, ask) in ticks, 0 for none.

    Of collateral, the present index, the share that counts and the most that counts, by asset.
    """

    instruments: dict[int, Instrument]
    marks: dict[int, int]
    impact: dict[int, tuple[int, int]]
    accounts: list[PaperAccount]
    large: int
    """Notional above which a leg is closed by a slice first."""
    slice_share: Fraction
    index: dict[int, int] = field(default_factory=dict)
    weight: dict[int, Fraction] = field(default_factory=dict)
    cap: dict[int, int] = field(default_factory=dict)

    def shocked(self, instrument_id: int, ppm: int, present: dict[int, int] | None = None) -> dict[int, int]:
        """Return the marks, or other prices, after a shock of one instrument, or of all for 0."""
        prices = self.marks if present is None else present
        marks = dict(prices)
        for each, mark in prices.items():
            if instrument_id in {0, each}:
                exact = mark * (1 + Fraction(ppm, 10**6))
                below = math.floor(exact)
                rest = exact - below
                up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and below % 2 == 1)
                marks[each] = max(1, below + int(up))
        return marks

    def worth(self, account: PaperAccount, index: dict[int, int], *, capped: bool = True) -> int:
        """Return what collateral counts, or without the caps what it fetches."""
        total = 0
        for asset, lots in account.collateral.items():
            fetched = math.floor(lots * index[asset] * self.weight[asset])
            total += min(fetched, self.cap[asset]) if capped else fetched
        return total

    def equity(self, account: PaperAccount, marks: dict[int, int], index: dict[int, int]) -> int:
        gains = sum(lots * marks[each] - account.cost[each] for each, lots in account.lots.items())
        return account.cash + gains + self.worth(account, index)

    def maintenance(self, lots: dict[int, int], marks: dict[int, int]) -> int:
        return sum(maintenance_micros(self.instruments[each], lots[each], marks[each]) for each in lots)

    def initial(self, account: PaperAccount, marks: dict[int, int]) -> int:
        total = 0
        for each, lots in account.lots.items():
            listed = self.instruments[each]
            leverage = account.leverages.get(each, listed.tiers[0].max_leverage)
            total += initial_micros(listed, lots, marks[each], leverage, listed.scaled_ppm)
        return total

    def slippage(self, each: int, lots: int, marks: dict[int, int]) -> int:
        """Return what closing costs against the mark, in the book as sampled and then moved with the mark."""
        mark = self.marks[each]
        price = self.impact[each][0 if lots > 0 else 1]
        worst = Fraction(mark * self.instruments[each].price_band_ppm, 10**6)
        distance = worst if price == 0 else Fraction(mark - price) * (1 if lots > 0 else -1)
        here = max(1, math.floor(abs(lots) * distance))
        return max(1, math.floor(Fraction(here * marks[each], mark)))

    def closes(self, account: PaperAccount, marks: dict[int, int], index: dict[int, int]) -> dict[int, tuple[int, int]]:
        """Return by instrument the lots that an account must close: in the book, and because h fell below 2/3."""
        equity = self.equity(account, marks, index)
        hidden = self.worth(account, index, capped=False) - self.worth(account, index)
        left = dict(account.lots)
        sold: dict[int, int] = {}
        taken: dict[int, int] = {}
        while left:
            needed = self.maintenance(left, marks)
            if equity >= needed:
                break
            if Fraction(equity, needed) < Fraction(2, 3) and hidden:
                # All collateral is sold, and what its cap kept from counting counts.
                equity, hidden = equity + hidden, 0
                continue
            if Fraction(equity, needed) < Fraction(2, 3):
                taken = {each: abs(lots) for each, lots in left.items()}
                break
            relief = {
                each: Fraction(self.maintenance({each: lots}, marks), self.slippage(each, lots, marks))
                for each, lots in left.items()
            }
            best = min(relief, key=lambda each: (-relief[each], each))
            size = abs(left[best])
            if best not in sold and size * marks[best] > self.large:
                size = math.ceil(size * self.slice_share)
            sold[best] = sold.get(best, 0) + size
            left[best] -= size if left[best] > 0 else -size
            if left[best] == 0:
                del left[best]
        return {each: (sold.get(each, 0), taken.get(each, 0)) for each in sold.keys() | taken.keys()}
