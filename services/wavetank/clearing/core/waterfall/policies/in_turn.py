"""Policies that ask one candidate after the other: each gives all it may before the next is asked (LIQ-080)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.waterfall.policies.candidate import Candidate, Score
from wavetank.clearing.core.waterfall.policies.scoring import order_of, score_of
from wavetank.model.events.clearing import AdlPolicyKind

if TYPE_CHECKING:
    from collections.abc import Sequence


def allot_in_turn(ranking: Sequence[Candidate], lots: int) -> list[int]:
    """Return how many lots each gives up when the first give all they may."""
    asked = []
    for candidate in ranking:
        part = min(lots, candidate.capacity_lots)
        asked.append(part)
        lots -= part
    return asked


class HyperliquidPolicy:
    """Profit ratio times leverage: mark/entry for longs, entry/mark for shorts, x notional/equity.

    The ratio is turned round for shorts, so that the most profitable short ranks first as the most
    profitable long does (Hyperliquid docs, auto-deleveraging).
    """

    def score(self, candidate: Candidate) -> Score:
        """Return the score, exact: entry is `cost / lots`, so most factors cancel."""
        return Score(*score_of(AdlPolicyKind.HYPERLIQUID, candidate))

    def order(self, candidates: Sequence[Candidate]) -> list[int]:
        """Rank; see `AdlPolicy`."""
        return order_of(AdlPolicyKind.HYPERLIQUID, candidates)

    def allot(self, ranking: Sequence[Candidate], lots: int) -> list[int]:
        """Ask in turn; see `AdlPolicy`."""
        return allot_in_turn(ranking, lots)


class BitmexPolicy:
    """Profit per cent times effective leverage; a loss is divided by it, so that small losers follow the winners.

    `PnL / cost x notional / equity` of a gain, `PnL / cost / (notional / equity)` of a loss (BitMEX docs, ADL).
    """

    def score(self, candidate: Candidate) -> Score:
        """Return the score, exact; negative for a loss."""
        return Score(*score_of(AdlPolicyKind.BITMEX, candidate))

    def order(self, candidates: Sequence[Candidate]) -> list[int]:
        """Rank; see `AdlPolicy`."""
        return order_of(AdlPolicyKind.BITMEX, candidates)

    def allot(self, ranking: Sequence[Candidate], lots: int) -> list[int]:
        """Ask in turn; see `AdlPolicy`."""
        return allot_in_turn(ranking, lots)
