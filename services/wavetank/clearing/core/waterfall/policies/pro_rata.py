"""Everybody gives the same share of his position, as far as he may (LIQ-080)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wavetank.clearing.core.waterfall.policies.candidate import Candidate, Score
from wavetank.clearing.core.waterfall.policies.ranking import falling_order, whole_parts
from wavetank.clearing.core.waterfall.policies.scoring import order_of, score_of
from wavetank.model.events.clearing import AdlPolicyKind

if TYPE_CHECKING:
    from collections.abc import Sequence


class ProRataPolicy:
    """By size. Who may not give his share gives all he may, and the rest is shared by the others again."""

    def score(self, candidate: Candidate) -> Score:
        """Return the size of the position: the ranking shows who gives most."""
        return Score(*score_of(AdlPolicyKind.PRO_RATA, candidate))

    def order(self, candidates: Sequence[Candidate]) -> list[int]:
        """Rank; see `AdlPolicy`."""
        return order_of(AdlPolicyKind.PRO_RATA, candidates)

    def allot(self, ranking: Sequence[Candidate], lots: int) -> list[int]:
        """Share by size, whole lots by largest remainder, ties to the lower account id; see `AdlPolicy`."""
        asked = [0] * len(ranking)
        sizes = [abs(candidate.lots) for candidate in ranking]
        givers = [index for index, candidate in enumerate(ranking) if candidate.capacity_lots]
        # Those whose capacity is the smallest share of their size meet it first, as the common share rises.
        order = falling_order([-ranking[index].capacity_lots for index in givers], [sizes[index] for index in givers])
        rest, size = lots, sum(sizes[index] for index in givers)
        sharing = []
        for place, giver in enumerate(order):
            index = givers[giver]
            capacity = ranking[index].capacity_lots
            if rest * sizes[index] <= capacity * size:
                sharing = [givers[other] for other in order[place:]]
                break
            asked[index] = capacity
            rest -= capacity
            size -= sizes[index]
        sharing.sort(key=lambda index: ranking[index].account_id)
        parts = whole_parts([rest * sizes[index] for index in sharing], max(1, size))
        for index, part in zip(sharing, parts, strict=True):
            asked[index] = part
        return asked
