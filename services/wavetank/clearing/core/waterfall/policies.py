"""Whom auto-deleveraging meets first: ranking policies with exact scores (LIQ-080)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Candidate:
    """A position on the opposite side; lots signed, money in micro-dollars."""

    account_id: int
    lots: int
    cost_micros: int
    mark_price_ticks: int
    equity_micros: int
    capacity_lots: int
    """Most it may lose and still meet its own maintenance margin."""


class AdlPolicy(Protocol):
    """Ranks candidates."""

    def score(self, candidate: Candidate) -> Fraction:
        """Return the candidate's score; the highest is deleveraged first."""


class HyperliquidPolicy:
    """Profit ratio times leverage: mark/entry for longs, entry/mark for shorts, x notional/equity.

    The ratio is turned round for shorts, so that the most profitable short ranks first as the most
    profitable long does (Hyperliquid docs, auto-deleveraging).
    """

    def score(self, candidate: Candidate) -> Fraction:
        """Return the score, exact: entry is `cost / lots`, so most factors cancel."""
        notional = abs(candidate.lots) * candidate.mark_price_ticks
        cost = max(1, abs(candidate.cost_micros))
        if candidate.lots > 0:
            return Fraction(notional * notional, cost * candidate.equity_micros)
        return Fraction(cost, candidate.equity_micros)


def rank(policy: AdlPolicy, candidates: list[Candidate]) -> list[tuple[Fraction, Candidate]]:
    """Return candidates by falling score, ties to the lower account id."""
    scored = [(policy.score(candidate), candidate) for candidate in candidates]
    return sorted(scored, key=lambda pair: (-pair[0], pair[1].account_id))


def split_value(total_micros: int, total_lots: int, parts: list[int]) -> list[int]:
    """Split a value among lots so that nothing is lost: the j-th by floors of running sums.

    `floor(V * cum_j / total) - floor(V * cum_(j-1) / total)` (LIQ-035).
    """
    shares = []
    taken = running = 0
    for part in parts:
        running += part
        upto = total_micros * running // total_lots
        shares.append(upto - taken)
        taken = upto
    return shares
