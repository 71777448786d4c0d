"""What a deleveraging policy sees, and what it must answer (LIQ-080)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence


class Candidate(NamedTuple):
    """A position on the opposite side; lots signed, money in micro-dollars."""

    account_id: int
    lots: int
    cost_micros: int
    mark_price_ticks: int
    equity_micros: int
    """Above 0."""
    capacity_lots: int
    """Most it may lose and still meet its own maintenance margin."""

    @property
    def notional_micros(self) -> int:
        """Its value at mark, unsigned."""
        return abs(self.lots) * self.mark_price_ticks

    @property
    def entry_micros(self) -> int:
        """What it cost, unsigned and never 0, so that it may divide."""
        return max(1, abs(self.cost_micros))


class Score(NamedTuple):
    """An exact quotient; the denominator is above 0, and the quotient need not be reduced."""

    numerator: int
    denominator: int


class AdlPolicy(Protocol):
    """Ranks candidates and says how much each gives up."""

    def score(self, candidate: Candidate) -> Score:
        """Return what the candidate ranks by; the highest stands first."""

    def order(self, candidates: Sequence[Candidate]) -> list[int]:
        """Return the indices of candidates by falling score, ties to the lower account id."""

    def allot(self, ranking: Sequence[Candidate], lots: int) -> list[int]:
        """Return how many lots each gives up, none above its capacity.

        Args:
            ranking: the candidates, in their order.
            lots: what is to be closed, unsigned and no more than all capacities together.

        """


def rank(policy: AdlPolicy, candidates: Sequence[Candidate]) -> list[tuple[Score, Candidate]]:
    """Return candidates by falling score, ties to the lower account id (LIQ-080)."""
    return [(policy.score(candidates[index]), candidates[index]) for index in policy.order(candidates)]
