"""The most levered come down to one common leverage, the lowest that serves (LIQ-080).

Water-filling, after Campbell, Hey, Moallemi and Nutz (arXiv 2603.15963): candidate i with q lots and equity E gives
`min(capacity, max(0, q - L x E / mark))`, and L is such that the parts add up to what is to be closed. The leverage is
that of the position against the equity of the whole account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.waterfall.policies.candidate import Candidate, Score
from wavetank.clearing.core.waterfall.policies.ranking import falling_order, whole_parts
from wavetank.clearing.core.waterfall.policies.scoring import order_of, score_of
from wavetank.model.events.clearing import AdlPolicyKind

if TYPE_CHECKING:
    from collections.abc import Sequence


class MinMaxLeveragePolicy:
    """By leverage; nobody is asked who stands below the level that the others come down to."""

    def score(self, candidate: Candidate) -> Score:
        """Return the leverage: notional / equity."""
        return Score(*score_of(AdlPolicyKind.MIN_MAX_LEVERAGE, candidate))

    def order(self, candidates: Sequence[Candidate]) -> list[int]:
        """Rank; see `AdlPolicy`."""
        return order_of(AdlPolicyKind.MIN_MAX_LEVERAGE, candidates)

    def allot(self, ranking: Sequence[Candidate], lots: int) -> list[int]:
        """Come down evenly, whole lots by largest remainder, ties to the lower account id; see `AdlPolicy`."""
        asked = [0] * len(ranking)
        above, below, giving, spent = _level(ranking, lots)
        for index in spent:
            asked[index] = ranking[index].capacity_lots
        giving.sort(key=lambda index: ranking[index].account_id)
        # At the level above / below, in lots per micro-dollar of equity, a part is q - level x E, over one denominator.
        parts = whole_parts(
            [abs(ranking[index].lots) * below - above * ranking[index].equity_micros for index in giving], below
        )
        for index, part in zip(giving, parts, strict=True):
            asked[index] = part
        return asked


def _level(ranking: Sequence[Candidate], lots: int) -> tuple[int, int, list[int], list[int]]:
    """Return the common level as a quotient, who gives down to it, and who has given all he may before.

    The level falls past those whose leverage it meets, who begin to give, and past those whose capacity it meets, who
    have given all; between two such points the sum of the parts is a straight line.
    """
    givers = [index for index, candidate in enumerate(ranking) if candidate.capacity_lots]
    begins = [abs(ranking[index].lots) for index in givers]
    ends = [abs(ranking[index].lots) - ranking[index].capacity_lots for index in givers]
    equities = [ranking[index].equity_micros for index in givers]
    giving: dict[int, None] = {}
    spent: list[int] = []
    size = equity = given = 0
    for point in falling_order(begins + ends, equities + equities):
        is_end = point >= len(givers)
        giver = point % len(givers)
        at = ends[giver] if is_end else begins[giver]
        if equity and (given + size - lots) * equities[giver] >= at * equity:
            break
        index = givers[giver]
        sign = -1 if is_end else 1
        size += sign * begins[giver]
        equity += sign * equities[giver]
        if is_end:
            del giving[index]
            spent.append(index)
            given += ranking[index].capacity_lots
        else:
            giving[index] = None
    return given + size - lots, max(1, equity), list(giving), spent
