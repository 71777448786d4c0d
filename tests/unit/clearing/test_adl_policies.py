"""Whom auto-deleveraging meets, and how much of each, by the four policies (LIQ-080).

A long of 30 is left at mark 70. On the other side: A is short 20 from 100 with equity 400, B 20 from 90 with 2,000,
C 30 from 75 with 300, D 10 from 110 with 5,000. What they may give is not limited unless a test says so.
"""

from __future__ import annotations

from fractions import Fraction

import pytest

from wavetank.clearing.core.waterfall.policies.candidate import AdlPolicy, Candidate, rank
from wavetank.clearing.core.waterfall.policies.choice import policy_of
from wavetank.clearing.core.waterfall.policies.in_turn import BitmexPolicy, HyperliquidPolicy
from wavetank.clearing.core.waterfall.policies.min_max_leverage import MinMaxLeveragePolicy
from wavetank.clearing.core.waterfall.policies.pro_rata import ProRataPolicy
from wavetank.clearing.core.waterfall.policies.ranking import falling_order, whole_parts
from wavetank.model.events.clearing import AdlPolicyKind

A, B, C, D = 1_000, 1_001, 1_002, 1_003

SHORTS = [
    Candidate(A, -20, -20 * 100, 70, 400, 20),
    Candidate(B, -20, -20 * 90, 70, 2_000, 20),
    Candidate(C, -30, -30 * 75, 70, 300, 30),
    Candidate(D, -10, -10 * 110, 70, 5_000, 10),
]


def ranked(policy: AdlPolicy, candidates: list[Candidate]) -> list[tuple[Fraction, int]]:
    return [
        (Fraction(score.numerator, score.denominator), candidate.account_id)
        for score, candidate in rank(policy, candidates)
    ]


def asked(policy: AdlPolicy, candidates: list[Candidate], lots: int) -> dict[int, int]:
    """Return how many lots each gives, by account; who gives nothing is left out."""
    ranking = [candidate for _, candidate in rank(policy, candidates)]
    parts = policy.allot(ranking, lots)
    return {candidate.account_id: part for candidate, part in zip(ranking, parts, strict=True) if part}


def may_give(capacities: dict[int, int]) -> list[Candidate]:
    return [
        candidate._replace(capacity_lots=capacities.get(candidate.account_id, candidate.capacity_lots))
        for candidate in SHORTS
    ]


@pytest.mark.spec("LIQ-080")
def test_hyperliquid_asks_the_most_profitable_and_levered_first() -> None:
    # entry/mark x notional/equity = cost/equity: A 2000/400, B 1800/2000, C 2250/300, D 1100/5000.
    assert ranked(HyperliquidPolicy(), SHORTS) == [
        (Fraction("7.5"), C),
        (Fraction(5), A),
        (Fraction("0.9"), B),
        (Fraction("0.22"), D),
    ]
    assert asked(HyperliquidPolicy(), SHORTS, 30) == {C: 30}
    assert asked(HyperliquidPolicy(), may_give({C: 7, A: 0}), 30) == {C: 7, B: 20, D: 3}


@pytest.mark.spec("LIQ-080")
def test_hyperliquid_ranks_longs_by_mark_over_entry_and_ties_go_to_the_lower_id() -> None:
    # mark 80: (80/40) x (800/100) = 16 for both twins; (80/100) x (800/100) = 6.4 for the loser.
    longs = [
        Candidate(1_002, 10, 400, 80, 100, 10),
        Candidate(1_001, 10, 400, 80, 100, 10),
        Candidate(1_000, 10, 1_000, 80, 100, 10),
    ]
    assert ranked(HyperliquidPolicy(), longs) == [
        (Fraction(16), 1_001),
        (Fraction(16), 1_002),
        (Fraction("6.4"), 1_000),
    ]


@pytest.mark.spec("LIQ-080")
def test_bitmex_asks_by_profit_per_cent_times_leverage() -> None:
    # A 600/2000 x 1400/400 = 1.05; C 150/2250 x 2100/300 = 7/15; B 400/1800 x 1400/2000 = 7/45;
    # D 400/1100 x 700/5000 = 28/550.
    assert ranked(BitmexPolicy(), SHORTS) == [
        (Fraction("1.05"), A),
        (Fraction(7, 15), C),
        (Fraction(7, 45), B),
        (Fraction(28, 550), D),
    ]
    assert asked(BitmexPolicy(), SHORTS, 30) == {A: 20, C: 10}
    assert asked(BitmexPolicy(), may_give({A: 4}), 30) == {A: 4, C: 26}


@pytest.mark.spec("LIQ-080")
def test_bitmex_ranks_losers_last_and_the_levered_loser_before_the_other() -> None:
    # At mark 70 with an entry of 60: -100/600 / (700/equity): with 100 -1/42, with 1,000 -10/42.
    losers = [Candidate(A, -10, -600, 70, 1_000, 10), Candidate(B, -10, -600, 70, 100, 10)]
    winner = Candidate(C, -10, -700 - 1, 70, 10**9, 10)
    assert ranked(BitmexPolicy(), [*losers, winner]) == [
        (Fraction(1 * 700, 701 * 10**9), C),
        (Fraction(-1, 42), B),
        (Fraction(-10, 42), A),
    ]


@pytest.mark.spec("LIQ-080")
def test_pro_rata_shares_by_size_with_the_largest_remainders() -> None:
    # 30 of 80: 7.5, 7.5, 11.25, 3.75. Floors make 28; D has the largest remainder, A the lower id of two halves.
    assert asked(ProRataPolicy(), SHORTS, 30) == {A: 8, B: 7, C: 11, D: 4}
    assert ranked(ProRataPolicy(), SHORTS) == [
        (Fraction(30), C),
        (Fraction(20), A),
        (Fraction(20), B),
        (Fraction(10), D),
    ]


@pytest.mark.spec("LIQ-080")
def test_pro_rata_shares_anew_what_somebody_may_not_give() -> None:
    # C may give 4 only: 26 of 50 are left for A, B, D: 10.4, 10.4, 5.2.
    # Floors make 25; A has the lower id of the two largest remainders.
    assert asked(ProRataPolicy(), may_give({C: 4}), 30) == {A: 11, B: 10, C: 4, D: 5}
    # B may give 9, and its first share was 7.5; without C it is 10.4, so B meets its limit too: 17 of 30 are left.
    assert asked(ProRataPolicy(), may_give({C: 4, B: 9}), 30) == {A: 11, B: 9, C: 4, D: 6}
    # Exactly what all may give together.
    assert asked(ProRataPolicy(), may_give({A: 3, B: 9, C: 0, D: 1}), 13) == {A: 3, B: 9, D: 1}


@pytest.mark.spec("LIQ-080")
def test_min_max_leverage_brings_the_most_levered_down_to_one_level() -> None:
    # Leverage: C 7, A 3.5, B 0.7, D 0.14. At L = 2: A 20 - 2 x 400/70 = 8.571, C 30 - 2 x 300/70 = 21.429.
    assert ranked(MinMaxLeveragePolicy(), SHORTS) == [
        (Fraction(7), C),
        (Fraction("3.5"), A),
        (Fraction("0.7"), B),
        (Fraction("0.14"), D),
    ]
    assert asked(MinMaxLeveragePolicy(), SHORTS, 30) == {A: 9, C: 21}
    # With little to close C alone comes down: at 14 lots to 16 x 70/300 = 3.733, still above A.
    assert asked(MinMaxLeveragePolicy(), SHORTS, 14) == {C: 14}
    # At 15 lots both meet the level 3.5 exactly; at 22, 7 more in proportion 4 : 3.
    assert asked(MinMaxLeveragePolicy(), SHORTS, 15) == {C: 15}
    assert asked(MinMaxLeveragePolicy(), SHORTS, 22) == {A: 4, C: 18}


@pytest.mark.spec("LIQ-080")
def test_min_max_leverage_goes_deeper_where_somebody_may_not_give_more() -> None:
    # C may give 5: A gives 20 - L x 400/70 and, below 0.7, B 20 - L x 2000/70: 25 in all.
    # 40 - L x 2400/70 = 25 gives L = 0.4375: A 17.5, B 7.5; of two halves the lower id is rounded up.
    assert asked(MinMaxLeveragePolicy(), may_give({C: 5}), 30) == {A: 18, B: 7, C: 5}
    # A may give 16 besides: B gives the other 9, for D stands at 0.14 still and B comes down to 11 x 70/2000 = 0.385.
    assert asked(MinMaxLeveragePolicy(), may_give({C: 5, A: 16}), 30) == {A: 16, B: 9, C: 5}
    assert asked(MinMaxLeveragePolicy(), may_give({A: 3, B: 9, C: 0, D: 1}), 13) == {A: 3, B: 9, D: 1}


@pytest.mark.spec("LIQ-080")
def test_every_setting_is_a_policy_and_nobody_gives_when_nobody_is_there() -> None:
    for kind in AdlPolicyKind:
        assert rank(policy_of(kind), []) == []
        assert policy_of(kind).allot([], 0) == []
        assert asked(policy_of(kind), may_give({A: 0, B: 0, C: 0, D: 0}), 0) == {}


@pytest.mark.spec("LIQ-080")
def test_quotients_that_agree_in_their_first_bits_are_ordered_exactly() -> None:
    # 1/3 lies between n/(3n + 1) and n/(3n - 1), which differ from it by less than 2^-128 for n = 2^70.
    n = 2**70
    assert falling_order([n, 1, n], [3 * n + 1, 3, 3 * n - 1]) == [2, 1, 0]
    # Equal quotients stand by index, reduced or not; negative ones below zero.
    assert falling_order([-1, 2, 1, 0, 4], [1, 6, 3, 5, 12]) == [1, 2, 4, 3, 0]
    assert falling_order([], []) == []


@pytest.mark.spec("LIQ-080", "UNIT-040")
def test_whole_parts_add_up_to_what_the_quotients_do() -> None:
    # 10/4, 7/4, 3/4: floors 2, 1, 0, and 5 in all: the remainders 3, 3, 2 give one each to the second and third.
    assert whole_parts([10, 7, 3], 4) == [2, 2, 1]
    assert whole_parts([], 4) == []
