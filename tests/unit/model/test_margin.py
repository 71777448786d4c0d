"""Margin tiers: published numbers, continuity at each boundary, and refusals."""

from __future__ import annotations

import gzip
import json
import math
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavetank.model.margin import MarginTable, MarginTier

MILLION = 10**12
"""A million dollars in micro-dollars."""
BTC = MarginTable([MarginTier(0, 40), MarginTier(150 * MILLION, 20)])


@pytest.mark.spec("MRGN-020")
def test_two_hundred_million_of_btc_need_three_and_an_eighth_million() -> None:
    # Hyperliquid docs, margin tiers: 200 M / 40 - (150 M / 40 - 150 M / 80) = 5 M - 1.875 M = 3.125 M.
    assert BTC.maintenance_micros(200 * MILLION) == 3_125_000_000_000


@pytest.mark.spec("MRGN-020")
def test_margins_round_up_once() -> None:
    # 1/80 of 81 micro-dollars is 1.0125; 1/40 of it is 2.025.
    assert BTC.maintenance_micros(81) == 2
    assert BTC.initial_micros(81, 40) == 3
    assert BTC.maintenance_micros(0) == BTC.initial_micros(0, 40) == 0


def test_initial_margin_takes_the_lower_of_both_leverages() -> None:
    assert BTC.initial_micros(1_000, 10) == 100
    assert BTC.initial_micros(1_000, 100) == 25
    assert BTC.initial_micros(200 * MILLION, 40) == 10 * MILLION


@pytest.mark.spec("MRGN-020")
def test_open_interest_asks_for_a_share_of_what_the_leverage_leaves() -> None:
    # 1/20 + 0.5 x 19/20 = 52.5 %; 1/4 + 0.1 x 3/4 = 0.325, of 5 it is 1.625.
    assert BTC.initial_micros(MILLION, 20, 500_000) == 525 * MILLION // 1_000
    assert BTC.initial_micros(5, 4, 100_000) == 2
    # With all of it, and at a leverage of 1, all notional is margin.
    assert BTC.initial_micros(2**55, 40, 1_000_000) == BTC.initial_micros(2**55, 1, 77) == 2**55
    # The smallest share of the smallest notional is rounded up with the rest.
    assert [BTC.initial_micros(40, 40, share) for share in (0, 1)] == [1, 2]


@pytest.mark.spec("MRGN-020")
@given(st.integers(0, 2**55), st.integers(1, 2**31 - 1), st.integers(0, 10**6), st.integers(1, 2**31 - 1))
def test_initial_margin_equals_the_rate_in_fractions(notional: int, own: int, share: int, largest: int) -> None:
    table = MarginTable([MarginTier(0, largest), MarginTier(10**15, max(1, largest // 2))])
    base = Fraction(1, min(own, largest if notional < 10**15 else max(1, largest // 2)))
    rate = base + Fraction(share, 10**6) * (1 - base)
    assert table.initial_micros(notional, own, share) == math.ceil(notional * rate)


@pytest.mark.spec("MRGN-020")
@given(
    st.lists(st.tuples(st.integers(1, 10**14), st.integers(1, 125)), min_size=1, max_size=8, unique_by=lambda t: t[0]),
    st.integers(0, 2**54),
)
def test_maintenance_equals_the_recursion_in_fractions(rows: list[tuple[int, int]], notional: int) -> None:
    lowers = [0, *sorted(lower for lower, _ in rows)[1:]]
    tiers = [MarginTier(lower, leverage) for lower, (_, leverage) in zip(lowers, rows, strict=True)]
    deduction = rate = Fraction(0)
    expected = Fraction(0)
    is_above_initial = False
    for tier in tiers:
        next_rate = Fraction(1, 2 * tier.max_leverage)
        deduction += tier.lower_notional_micros * (next_rate - rate)
        rate = next_rate
        begin = tier.lower_notional_micros
        is_above_initial = is_above_initial or begin * rate - deduction > Fraction(begin, tier.max_leverage)
        if notional >= tier.lower_notional_micros:
            expected = notional * rate - deduction
    if is_above_initial:
        with pytest.raises(ValueError, match="maintenance would exceed the initial margin"):
            MarginTable(tiers)
    else:
        assert MarginTable(tiers).maintenance_micros(notional) == math.ceil(expected)


@pytest.mark.spec("MRGN-020")
def test_maintenance_is_continuous_at_each_boundary_of_349_real_tables(market_data: Path) -> None:
    tables = json.loads(gzip.decompress((market_data / "margin_tiers/binance_leverage_tiers.json.gz").read_bytes()))
    assert len(tables) == 349
    for rows in tables.values():
        tiers = [
            MarginTier(
                round(row["minNotional"]) * 10**6,
                round(row["maxLeverage"]),
                round(Fraction(str(row["maintenanceMarginRate"])) * 10**6),
            )
            for row in rows[:16]
        ]
        table = MarginTable(tiers)
        for tier, row in zip(tiers, rows, strict=False):
            at = tier.lower_notional_micros
            # The venue's own deduction, `cum`, in dollars.
            published = at * tier.maintenance_ppm - round(Fraction(row["info"]["cum"]) * 10**12)
            assert table.maintenance_micros(at) == -(-published // 10**6)
            if at:
                assert 0 <= table.maintenance_micros(at) - table.maintenance_micros(at - 1) <= 1


@pytest.mark.parametrize(
    "tiers",
    [
        [],
        [MarginTier(1, 10)],
        [MarginTier(0, 10), MarginTier(0, 5)],
        [MarginTier(0, 0)],
        [MarginTier(0, 10, -1)],
        [MarginTier(0, 10, 100_001)],
        # 5 % of 1,000 is 50, and at 30x it would be opened with 33 1/3.
        [MarginTier(0, 10), MarginTier(1_000, 30)],
        [MarginTier(number, 10) for number in range(17)],
    ],
)
def test_tiers_without_meaning_are_refused(tiers: list[MarginTier]) -> None:
    with pytest.raises(ValueError, match="tier"):
        MarginTable(tiers)
