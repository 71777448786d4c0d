"""Any set of victims: the four policies against their definitions in Fractions (LIQ-080)."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetank.clearing.core.waterfall.policies.candidate import AdlPolicy, Candidate, rank
from wavetank.clearing.core.waterfall.policies.choice import policy_of
from wavetank.cli.audit.rankings import Victim, asked_of, score
from wavetank.model.events.clearing import AdlPolicyKind

MARK = 70


@st.composite
def candidates(draw: st.DrawFn) -> list[Candidate]:
    """Draw shorts or longs; small numbers, so that ties happen."""
    sign = draw(st.sampled_from([1, -1]))
    found = []
    for account_id in draw(st.lists(st.integers(1_000, 1_020), max_size=8, unique=True)):
        lots = draw(st.integers(1, 30))
        entry = draw(st.integers(1, 140))
        equity = draw(st.one_of(st.integers(1, 20), st.integers(1, 5_000), st.integers(1, 2**60)))
        found.append(Candidate(account_id, sign * lots, sign * lots * entry, MARK, equity, draw(st.integers(0, lots))))
    return found


def allotted(policy: AdlPolicy, found: list[Candidate], lots: int) -> dict[int, int]:
    ranking = [candidate for _, candidate in rank(policy, found)]
    return dict(zip((each.account_id for each in ranking), policy.allot(ranking, lots), strict=True))


def rounded(exact: dict[int, Fraction]) -> dict[int, int]:
    """Round by largest remainder, ties to the lower id."""
    parts = {key: int(value) for key, value in exact.items()}
    missing = int(sum(exact.values())) - sum(parts.values())
    for key in sorted(exact, key=lambda key: (parts[key] - exact[key], key))[:missing]:
        parts[key] += 1
    return parts


def level_of(found: list[Candidate], lots: int, part: AdlPolicyKind) -> dict[int, Fraction]:
    """Return exact parts `min(capacity, f(level))` that add up, the level found between the points where f bends."""

    def at(level: Fraction) -> dict[int, Fraction]:
        parts = {}
        for each in found:
            size = abs(each.lots)
            raw = size * level if part is AdlPolicyKind.PRO_RATA else size - level * each.equity_micros
            parts[each.account_id] = min(Fraction(each.capacity_lots), max(Fraction(0), raw))
        return parts

    def total(level: Fraction) -> Fraction:
        return sum(at(level).values(), Fraction(0))

    bends = {Fraction(0)}
    for each in found:
        size = abs(each.lots)
        if part is AdlPolicyKind.PRO_RATA:
            bends.add(Fraction(each.capacity_lots, size))
        else:
            bends |= {Fraction(size, each.equity_micros), Fraction(size - each.capacity_lots, each.equity_micros)}
    ordered = sorted(bends)
    for low, high in pairwise(ordered):
        first, last = total(low), total(high)
        if min(first, last) <= lots <= max(first, last) and first != last:
            return at(low + (high - low) * (lots - first) / (last - first))
    return at(ordered[0] if total(ordered[0]) == lots else ordered[-1])


@given(found=candidates(), data=st.data(), kind=st.sampled_from(AdlPolicyKind))
@pytest.mark.spec("LIQ-080")
def test_parts_add_up_within_capacities_and_follow_the_policy(
    found: list[Candidate], data: st.DataObject, kind: AdlPolicyKind
) -> None:
    policy = policy_of(kind)
    capacity = {each.account_id: each.capacity_lots for each in found}
    lots = data.draw(st.integers(0, sum(capacity.values())))
    parts = allotted(policy, found, lots)
    assert sum(parts.values()) == lots
    assert all(0 <= part <= capacity[key] for key, part in parts.items())
    scores = [(-Fraction(score.numerator, score.denominator), each.account_id) for score, each in rank(policy, found)]
    assert scores == sorted(scores)
    if kind in {AdlPolicyKind.HYPERLIQUID, AdlPolicyKind.BITMEX}:
        # Whoever is asked for anything stands behind nobody who has anything left to give.
        gave = list(parts.values())
        left = [capacity[key] - part for key, part in parts.items()]
        assert not any(left[at] and any(gave[at + 1 :]) for at in range(len(gave)))
    else:
        assert parts == rounded(level_of(found, lots, kind))


@given(found=candidates(), data=st.data(), kind=st.sampled_from(AdlPolicyKind))
@pytest.mark.spec("LIQ-080")
def test_the_order_in_which_candidates_are_listed_decides_nothing(
    found: list[Candidate], data: st.DataObject, kind: AdlPolicyKind
) -> None:
    policy = policy_of(kind)
    lots = data.draw(st.integers(0, sum(each.capacity_lots for each in found)))
    shuffled = data.draw(st.permutations(found))
    assert allotted(policy, shuffled, lots) == allotted(policy, found, lots)


@given(found=candidates(), data=st.data(), kind=st.sampled_from(AdlPolicyKind))
@pytest.mark.spec("LIQ-080")
def test_the_auditor_comes_to_the_same_ranking_by_itself(
    found: list[Candidate], data: st.DataObject, kind: AdlPolicyKind
) -> None:
    policy = policy_of(kind)
    lots = data.draw(st.integers(0, sum(each.capacity_lots for each in found)))
    ranking = [
        Victim(
            each.account_id,
            abs(each.lots),
            each.lots > 0,
            each.cost_micros,
            MARK,
            each.equity_micros,
            each.capacity_lots,
        )
        for _, each in rank(policy, found)
    ]
    assert ranking == sorted(ranking, key=lambda victim: (-score(kind, victim), victim.account_id))
    # A ranking is logged only where something is asked.
    if lots:
        assert asked_of(kind, ranking, lots) == allotted(policy, found, lots)
